"""Verification finds a program that differs from predictor, and a branch that no sample reaches."""

import functools
import json
from types import SimpleNamespace

import pytest
from nb_native import proof
from nb_native.refusal import Refusal
from nb_scorer.model import json_codec

from unit.nb_native import stand_ins

GOLDEN = [[1.0, 2.0], [3.0, 4.5]]
RIGHT = "return x[0] + x[1]"


def predictor(x):
    return x[0] + x[1]


@pytest.fixture
def program(tmp_path):
    """Return stand_ins.program for a folder of this test."""
    return functools.partial(stand_ins.program, tmp_path)


def proved(program, counting=None, predictor=predictor, validator=None, golden=GOLDEN, branches=(), edges=()):
    model = SimpleNamespace(predictor=predictor, validator=validator, form=json_codec.LABELLED)
    return proof.prove(model, golden, branches, edges, (), [program], [counting or program])


def test_a_program_that_answers_as_predictor_is_proved(program):
    facts = proved(program(RIGHT))
    assert (facts["golden"], facts["samples"], facts["largest_difference"]) == (2, 10_000, 0.0)
    assert 9_000 < facts["answered"] == facts["equal"]


def test_the_largest_difference_is_reported(program):
    facts = proved(program("s = x[0] + x[1]; return s * (1 + 2**-40) if type(s) is float else s"))
    assert 2**-41 < facts["largest_difference"] < 2**-39
    assert facts["equal"] < 100


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return (x[0] + x[1]) * 1.00001", "answers"),
        ("return x[0] + x[1] if x[0] != 3.0 else 'no'", r"predictor\(\[3.0, 4.5\]\) answers 7.5, the native"),
        (f"raise Error({stand_ins.FAILED!r})", r'predictor\(\[1.0, 2.0\]\) answers 3.0, the native program {"error"'),
        ("return x[0] + x[1] if len(x) > 1 else 0", "is failed, and the native program answers 0"),
        ("x[1]; print(json.dumps(x[0] + x[1])); sys.exit(3)", "exited with status 3 after 1 of 10000 answers"),
    ],
)
def test_one_that_does_not_is_rejected(program, body, words):
    with pytest.raises(Refusal, match=words):
        proved(program(body))


def test_a_program_that_is_too_slow_is_rejected(program, monkeypatch):
    monkeypatch.setattr(proof, "SECONDS", 0.2)
    with pytest.raises(Refusal, match="the native program did not predict 10000 samples within 0.2 seconds"):
        proved(program("import time; time.sleep(60)"))


def test_a_threshold_that_is_off_by_one_step_is_found_at_an_edge(program):
    def above(x):
        return int(x[0] > 1.7)

    golden = [[1.0], [2.0]]
    off = program("return int(x[0] >= 1.7)")
    assert proved(off, predictor=above, golden=golden)["answered"] > 9_000
    with pytest.raises(Refusal, match=r"predictor\(\[1.7\]\) answers 0, the native program 1"):
        proved(off, predictor=above, golden=golden, edges=[1.7])


def test_what_the_validator_rejects_must_be_rejected_and_not_fail(program):
    def validator(x):
        return isinstance(x, list) and len(x) == 2

    rejecting = "if type(x) is not list or len(x) != 2:\n    raise Error('The sample is refused')\nreturn x[0] + x[1]"
    assert proved(program(rejecting), validator=validator)["answered"] > 5_000
    with pytest.raises(Refusal, match="is refused, and the native program answers"):
        proved(program(RIGHT), validator=validator)


def test_a_branch_of_which_one_side_was_never_reached_is_named_with_its_line(program):
    counting = program(RIGHT, "counting", "print('branch 0 12 9988')\nprint('branch 1 0 10000')\n")
    branches = [(3, "x[0] > 1", "cell [2]", ()), (5, "x[0] == 'a'", "cell [2]", ())]
    with pytest.raises(Refusal, match=r"no sample reaches both sides of 'x\[0\] == 'a''") as rejection:
        proved(program(RIGHT), counting, branches=branches)
    assert (rejection.value.file, rejection.value.line) == ("cell [2]", 5)
    assert proved(program(RIGHT), counting, branches=branches[:1])["answered"]


def test_nothing_is_proved_without_golden_rows(program):
    with pytest.raises(Refusal, match="there are no golden rows to verify it with; add examples to the notebook"):
        proved(program(RIGHT), golden=[])


def test_answers_are_compared_as_the_service_writes_them(program):
    facts = proved(program("return {'sum': x[0] + x[1]}"), predictor=lambda x: {"sum": x[0] + x[1]})
    assert facts["equal"] == facts["answered"]
    assert json.dumps(facts)
