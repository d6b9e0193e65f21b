"""Baselines for tests, made as the build makes them."""

import json

from nb_scorer.model import feature_bins
from nb_service.drift import baseline as baselines


def content(samples, answers=None, **changes):
    """Return the file of a baseline of these samples and the answers to them, as bytes; `changes` are other fields."""
    features, forms = [], {}
    for part, values in (("sample", samples), ("answer", answers)):
        forms[part], names = feature_bins.form_of(values) if values else (None, [])
        columns = feature_bins.columns(values, forms[part], names) if values else []
        features += [feature_bins.made_of(part, *pair) for pair in zip(names, columns, strict=True)]
    facts = {
        "source": "examples",
        "rows": len(samples),
        "of": len(samples),
        "form": forms["sample"],
        "answer_form": forms["answer"],
        "features": [feature.facts() for feature in features],
        "not_compared": [["sample", "photo", "its values are nested"]],
        **changes,
    }
    return json.dumps(facts).encode()


def made(samples, answers=None):
    """Return the Baseline of these samples and answers."""
    return baselines.parsed(content(samples, answers))
