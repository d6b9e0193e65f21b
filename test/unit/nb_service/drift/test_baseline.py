import hashlib
import json
import types

import pytest
from nb_scorer.common.problem import Problem
from nb_service import drift
from nb_service.drift import baseline as baselines

from unit.nb_service.drift.baselines import content, made

SAMPLES = [{"age": number, "name": "x" * number} for number in range(40)]


def model(folder, digests=None):
    """Return what is known of a model in `folder`."""
    return types.SimpleNamespace(folder=folder, digests=digests)


def test_a_baseline_is_read_as_it_was_written(tmp_path):
    (tmp_path / "baseline.json").write_bytes(content(SAMPLES, [1.5] * 40, of=1_000_000))
    read = drift.read_baseline(model(tmp_path))
    assert [feature.name for feature in read.part("sample")] == ["age", "name"]
    assert read.describe() == "40 of 1,000,000 rows of examples, 2 features and the answer"
    assert read.not_compared == (("sample", "photo", "its values are nested"),)
    assert len(read.digest) == 8


def test_a_model_without_a_baseline_has_none(tmp_path):
    assert drift.read_baseline(model(tmp_path)) is None
    assert drift.read_baseline(model(tmp_path, {"manifest.json": "0" * 64})) is None


def test_a_signed_baseline_is_the_one_that_was_signed(tmp_path):
    path = tmp_path / "baseline.json"
    path.write_bytes(content(SAMPLES))
    digests = {"baseline.json": hashlib.sha256(path.read_bytes()).hexdigest()}
    assert drift.read_baseline(model(tmp_path, digests)).rows == 40
    path.write_bytes(content(SAMPLES[1:]))
    with pytest.raises(Problem) as rejected:
        drift.read_baseline(model(tmp_path, digests))
    assert rejected.value.code == "model-not-as-signed"
    path.unlink()
    with pytest.raises(Problem):
        drift.read_baseline(model(tmp_path, digests))


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 0},
        {"rows": "many"},
        {"rows": 50},
        {"form": "table"},
        {"answer_form": "table"},
        {"source": None},
        {"features": []},
        {"features": {}},
        {"features": [made(SAMPLES).features[0].facts()] * 2},
        {"form": "array"},
        {"not_compared": [["sample", "x"]]},
        {"not_compared": [["sample", "x", 3]]},
        {"more": 1},
    ],
)
def test_a_baseline_that_the_build_does_not_write_is_rejected_in_words(tmp_path, change):
    (tmp_path / "baseline.json").write_bytes(content(SAMPLES, **change))
    with pytest.raises(Problem) as rejected:
        drift.read_baseline(model(tmp_path))
    assert rejected.value.code == "model-damaged"
    assert "baseline.json has changed since the build" in rejected.value.what


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b'{"rows": NaN}', b"[" * 100_000, b"\xff"])
def test_bytes_that_are_no_baseline_are_rejected(tmp_path, text):
    (tmp_path / "baseline.json").write_bytes(text)
    with pytest.raises(Problem) as rejected:
        drift.read_baseline(model(tmp_path))
    assert rejected.value.code == "model-damaged"


def test_the_log_says_what_is_watched(tmp_path):
    baseline = baselines.parsed(content(SAMPLES))
    on, off = (types.SimpleNamespace(drift=word) for word in ("auto", "off"))
    assert drift.describe(baseline, on) == "Watching for drift against 40 rows of examples, 2 features; 1 not compared."
    assert drift.describe(baseline, off) == "Not watching for drift: S2I_DRIFT=off."
    assert drift.present_of(baseline, off) is None and drift.present_of(None, on) is None
    assert drift.present_of(baseline, on) is not None


def test_limits_hold_for_all_features_together():
    one, two = made(list(range(40))), made(SAMPLES)
    assert one.limits()[0].psi < two.limits()[0].psi
    assert json.loads(content(SAMPLES))["rows"] == 40
