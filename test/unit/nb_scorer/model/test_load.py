"""Models of the format before this one are loaded, and every name that pickles of this format may contain exists."""

import functools
import hashlib
import importlib
import pickletools

import pytest
from nb_scorer.common import paths
from nb_scorer.model import load, manifest

from commands import ROOT

# Pickles of format 2 name these. Renaming or moving one needs a new format, and an entry where the old one is loaded.
NAMES = {
    "nb_scorer.batching.deferred": ["Later"],
    "nb_scorer.batching.form": ["_rebuilt"],
    "nb_scorer.batching.joining": ["is_called"],
    "nb_scorer.batching.steps": ["Steps"],
    "nb_scorer.model.calls": ["Call", "CallByName", "CallTogether"],
    "nb_scorer.model.functions": ["FromEstimator", "FromEstimator.__call__", "FromEstimator._rows", "_cached"],
    "nb_scorer.model.process_state": ["loguru_logger"],
    "nb_scorer.model.pydantic_models": ["Parser", "_field"],
    "nb_scorer.model.readers": [
        *("AnyOf", "Fields", "FromText", "Items", "Number", "OfPydantic", "OneOf", "Sample", "Scalar", "Values"),
    ],
}


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in NAMES.items() for name in names])
def test_what_pickles_name_exists(module, name):
    named = functools.reduce(getattr, name.split("."), importlib.import_module(module))
    assert named.__module__ == module


def names_in(path):
    """Return (module, name) of all that a pickle names of ours."""
    found, texts, memo = set(), [], []
    for operation, argument, _ in pickletools.genops(path.read_bytes()):
        if "UNICODE" in operation.name:
            texts.append(argument)
        elif operation.name == "MEMOIZE":
            memo.append(texts[-1] if texts else None)
        elif operation.name in ("BINGET", "LONG_BINGET"):
            texts.append(memo[argument])
        elif operation.name == "STACK_GLOBAL":
            found.add((texts[-2], texts[-1]))
    return {(module, name) for module, name in found if module.startswith("nb_")}


def test_no_kept_model_names_more():
    kept = sorted((ROOT / "test/models").glob("format-2/*/model/model.pickle"))
    named = set().union(*map(names_in, kept))
    assert named <= {(module, name) for module, names in NAMES.items() for name in names}
    assert len(kept) == 3 and len(named) > 15


def test_names_of_format_1_are_found_where_they_are_now(tmp_path):
    # As protocol 0 spells it: the class FromEstimator of this module, in a dict.
    content = b"(dp0\nVpredictor\ncnb_scorer.functions\nFromEstimator\nsVvalidator\nNsVbatch_predictor\nNs."
    (tmp_path / paths.PICKLE).write_bytes(content)
    facts = {**manifest.versions(), "pickle_sha256": hashlib.sha256(content).hexdigest()}
    manifest.write(tmp_path, {**facts, "format": 1})
    assert load.load(tmp_path).predictor.__module__ == "nb_scorer.model.functions"
    manifest.write(tmp_path, facts)
    with pytest.raises(load.ModelProblem, match="No module named 'nb_scorer.functions'"):
        load.load(tmp_path)


def test_each_module_that_format_1_names_has_its_place():
    for old, new in load._MOVED.items():
        assert old != new and importlib.import_module(new)
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(old)
