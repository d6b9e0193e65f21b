"""Verification if predictor or program does not answer: rejected, failed, or beyond the program."""

import json
import math
from types import SimpleNamespace

import pytest
from nb_native import proof
from nb_native.proof_samples import samples_around
from nb_native.refusal import Refusal
from nb_scorer.model import signatures

from unit.nb_native.stand_ins import FAILED, program

BEYOND = "The sample leads to a number that this image can't compute exactly, such as a whole one beyond 2^53."
MISFIT = "The sample does not match what the notebook accepts: b: is missing."


def prove(predictor, golden, path, validator=None):
    """Return the facts of a verification; both programs are the same, as nothing branches."""
    model = SimpleNamespace(predictor=predictor, validator=validator, form=None)
    return proof.prove(model, golden, [], [], [], [path], [path])


def halved(x):
    return x / 2


NO_NUMBER = "if not isinstance(x, (int, float)):\n    raise Error(%r)\n"


def test_the_same_answers_and_failures_are_a_proof(tmp_path):
    facts = prove(halved, [1.5, 2.5], program(tmp_path, NO_NUMBER % FAILED + "return x / 2"))
    assert (facts["golden"], facts["samples"], facts["largest_difference"]) == (2, proof.COUNT, 0.0)
    assert facts["equal"] == facts["answered"] > 9000


def test_where_python_raises_a_program_may_say_that_it_is_beyond_it(tmp_path):
    assert prove(halved, [1.5], program(tmp_path, NO_NUMBER % BEYOND + "return x / 2"))["answered"] > 9000


def test_where_python_answers_it_may_not(tmp_path):
    path = program(tmp_path, NO_NUMBER % FAILED + f"if x > 2:\n    raise Error({BEYOND!r})\nreturn x / 2")
    with pytest.raises(Refusal, match="answers .*, the native program .*leads to"):
        prove(halved, [1.5, 2.5], path)


def test_an_object_with_other_fields_is_rejected_and_no_failure(tmp_path):
    named = signatures.adapt_functions({"predictor": lambda a, b: a + b})["predictor"]
    rejected = "if not isinstance(x, dict) or set(x) != {'a', 'b'}:\n    raise Error(%r)\n"
    added = "try:\n    return x['a'] + x['b']\nexcept TypeError:\n    raise Error(%r)" % FAILED  # noqa: UP031
    golden = [{"a": 1.5, "b": 2.5}, {"a": 3.5, "b": 0.5}]
    samples = samples_around(golden, proof.COUNT, proof.SEED)
    assert any(set(sample) != {"a", "b"} for sample in samples if isinstance(sample, dict)), "some lack a key"
    assert prove(named, golden, program(tmp_path, rejected % MISFIT + added))["answered"] > 9000
    with pytest.raises(Refusal, match="is refused, and the native program answers .*failed"):
        prove(named, golden, program(tmp_path, rejected % FAILED + added))


def test_what_rounding_makes_of_the_last_place_is_a_difference(tmp_path):
    # The exponential of a program may differ by the last place: behind round() that is a whole step.
    golden = [0.5, 1.0]
    drawn = samples_around(golden, proof.COUNT, proof.SEED)
    edge = next(x for x in drawn if isinstance(x, float) and 0 < x < 1)
    path = program(
        tmp_path,
        "if not isinstance(x, (int, float)) or x > 700:\n"
        f"    raise Error({FAILED!r})\nreturn round(math.exp(x), 2) + (0.01 if x == {edge!r} else 0)",
    )
    with pytest.raises(Refusal, match="answers"):
        prove(lambda x: round(math.exp(x), 2), golden, path)
    near = program(
        tmp_path,
        f"if not isinstance(x, (int, float)) or x > 700:\n    raise Error({FAILED!r})\n"
        "return math.exp(x) * (1 + 2**-52)",
    )
    facts = prove(math.exp, golden, near)
    assert 0 < facts["largest_difference"] < 1e-15
    assert json.loads(json.dumps(facts))["equal"] < facts["answered"]
