"""Reads a model's baseline: histograms and counts of the notebook's own data."""

import hashlib
import json
from collections.abc import Mapping
from typing import NamedTuple

from nb_scorer.common import paths
from nb_scorer.model import feature_bins, verified_file
from nb_scorer.model.feature_bins import Feature

from nb_service import problems
from nb_service.drift.statistics import Limits
from nb_service.model_folder import ModelFolder

# About a hundred times the size that the build writes.
MAX_SIZE = 1 << 24
FIELDS = {"source", "rows", "of", "form", "answer_form", "features", "not_compared"}
FORMS = (feature_bins.ARRAY, feature_bins.OBJECT, feature_bins.SCALAR)


class Baseline(NamedTuple):
    """The baseline with which recent samples and predictions are compared.

    `source` describes the origin of `rows` (out of `total_rows`), `forms` are the forms of samples and predictions
    by part, `features` how each is counted, `not_compared` are (part, name, why), and `digest` identifies it.
    """

    source: str
    rows: int
    total_rows: int
    forms: Mapping[str, str]
    features: tuple[Feature, ...]
    not_compared: tuple[tuple[str, str, str], ...]
    digest: str

    def part(self, part: str) -> list[Feature]:
        """Return the features of "sample" or of "answer"."""
        return [feature for feature in self.features if feature.part == part]

    def limits(self) -> list[Limits]:
        """Return the limits of each feature, adjusted because all features are tested together."""
        return [Limits.calculate(feature.size, len(self.features)) for feature in self.features]

    def describe(self) -> str:
        """Return a description for the log."""
        total = f" of {self.total_rows:,}" if self.total_rows > self.rows else ""
        samples, answers = len(self.part("sample")), len(self.part("answer"))
        compared = f"{samples} feature{'s' if samples != 1 else ''}"
        compared += f" and {'the answer' if answers == 1 else f'{answers} of answers'}" if answers else ""
        return f"{self.rows:,}{total} rows of {self.source}, {compared}"


def read_baseline(model: ModelFolder) -> Baseline | None:
    """Return the baseline of a model, None if it has none; raise ModelDamaged for one that the build did not write.

    If the model is signed, raise ModelNotAsSigned for one that has changed since.
    """
    path = model.folder / paths.BASELINE
    try:
        if model.digests is None:
            with path.open("rb") as file:
                content = file.read(MAX_SIZE + 1)
        elif paths.BASELINE in model.digests:
            content = verified_file.content(path, model.digests[paths.BASELINE])
        else:
            return None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise problems.unreadable(path, error) from error
    try:
        return parsed(content)
    except (ValueError, RecursionError) as error:
        raise problems.not_as_written(path, str(error) or "it is nested too deeply") from error


def parsed(content: bytes) -> Baseline:
    """Return the baseline in these bytes; raise ValueError if it doesn't have the form that the build writes."""
    if len(content) > MAX_SIZE:
        raise ValueError("it is too large")
    facts = json.loads(content, parse_constant=_no_json)
    if not isinstance(facts, dict) or set(facts) != FIELDS:
        raise ValueError("it has other fields")
    rows, of_rows = facts["rows"], facts["of"]
    if not (type(rows) is int and type(of_rows) is int and 0 < rows <= of_rows):
        raise ValueError("its rows are not whole numbers")
    if facts["form"] not in FORMS or facts["answer_form"] not in (*FORMS, None) or not _is_text(facts["source"]):
        raise ValueError("its samples have an unknown form")
    if not isinstance(facts["features"], list) or not isinstance(facts["not_compared"], list):
        raise ValueError("it has no list of features")  # noqa: TRY004 - of a file's content
    features = tuple(map(feature_bins.parsed, facts["features"]))
    if not features or len({(feature.part, feature.name) for feature in features}) < len(features):
        raise ValueError("it has no features, or two with the same name")
    forms = {"sample": facts["form"], "answer": facts["answer_form"]}
    if any(forms[feature.part] is None or not _fits(feature.name, forms[feature.part]) for feature in features):
        raise ValueError("its features don't match its samples")
    not_compared = tuple((part, name, why) for part, name, why in facts["not_compared"])
    if not all(_is_text(text) for row in not_compared for text in row):
        raise ValueError("the features that are not compared have no names")
    digest = hashlib.sha256(content).hexdigest()[:8]
    return Baseline(facts["source"], rows, of_rows, forms, features, not_compared, digest)


def _fits(name: str, form: str) -> bool:
    return form != feature_bins.ARRAY or (name.isascii() and name.isdecimal() and len(name) < 8)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _no_json(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
