import pytest
from nb_builder.magics import golden


def made(values, **names):
    """Return the rows of these samples for a predictor that adds one, unless the names have another."""
    return golden.rows(values, {"predictor": lambda x: x + 1, **names})


def test_a_sample_is_answered_once_and_one_that_is_not_says_why():
    rows = made([1, 1, "a", object()], validator=lambda x: x != 3)
    assert [(row.sample, row.answer) for row in rows[:1]] == [(1, "2")]
    assert rows[1].reason.startswith("predictor raises TypeError: ")
    assert rows[2].reason.startswith("it can't be sent as JSON: ") and len(rows) == 3


def test_a_sample_that_validator_rejects_is_no_example():
    def raises(x):
        raise ValueError("too large")

    assert [row.reason for row in made([3], validator=lambda x: False)] == ["validator rejects it"]
    assert [row.reason for row in made([3], validator=raises)] == ["validator rejects it: too large"]


def test_a_sample_is_kept_as_the_service_gets_it():
    # A tuple comes from JSON as a list.
    assert golden.line(made([(1, 2)], predictor=sum)) == "examples = [[1, 2]]"


@pytest.mark.parametrize("count", [3, 40])
def test_the_line_is_python_that_defines_the_answered_samples(count):
    samples = [{"text": f'it\'s "{number}"\n', "on": True, "of": None} for number in range(count)]
    statement = golden.line([*made(samples, predictor=len), *made(["a"])])
    names = {}
    exec(statement, names)
    assert names["examples"] == samples
    assert statement.count("\n") == count + 1


def test_short_samples_are_one_line():
    assert golden.line(made([0.5, -1])) == "examples = [0.5, -1]"
