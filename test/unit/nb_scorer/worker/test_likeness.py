"""Where a sample first differs from those of a schema."""

import pytest
from nb_scorer.kernel import sample_schema
from nb_scorer.worker import likeness, refusals

OBJECTS = [{"age": 3, "who": {"name": "a"}, "tags": ["x"]}, {"age": 2.5, "who": {"name": "b"}, "tags": []}]


@pytest.mark.parametrize(
    ("samples", "sample", "words", "pointer"),
    [
        ([1], 2.5, None, None),
        ([1.5], True, "it must be a number, as in the notebook's own samples, but is a boolean", "#"),
        ([1, "a"], None, "it must be a number or a string, as in the notebook's own samples, but is null", "#"),
        ([[1, 2]], [1, 2.5], None, None),
        ([[1, 2]], [1, "2"], "1: must be a number, as in the notebook's own samples, but is a string", "#/1"),
        ([[1, 2]], [1, 2, 3], "it must have 2 items, as in the notebook's own samples, but has 3 items", "#"),
        ([[1], [1, 2]], [1, 2, 3], None, None),
        ([[[1]]], [[]], "0: must have 1 item, as in the notebook's own samples, but has 0 items", "#/0"),
        (OBJECTS, {"age": 1, "who": {"name": "c"}, "tags": [], "more": None}, None, None),
        (OBJECTS, {"age": 1, "tags": []}, "who: is missing", "#/who"),
        (
            OBJECTS,
            {"age": 1, "who": {"name": ["c"]}, "tags": []},
            "who.name: must be a string, as in the notebook's own samples, but is an array",
            "#/who/name",
        ),
        (
            [{"a/b~": 1}],
            {"a/b~": "x"},
            "a/b~: must be a number, as in the notebook's own samples, but is a string",
            "#/a~1b~0",
        ),
    ],
)
def test_the_first_difference_is_named_with_its_pointer(samples, sample, words, pointer):
    misfit = likeness.misfit(sample, sample_schema.infer(samples))
    assert (None if misfit is None else str(misfit)) == words
    if misfit is not None:
        assert [error["pointer"] for error in refusals.of_misfit(misfit)["errors"]] == [pointer]


@pytest.mark.parametrize("schema", [{}, {"anyOf": [{"type": "string"}]}, {"enum": [1]}, {"type": "integer"}])
def test_what_a_schema_does_not_say_is_no_difference(schema):
    assert likeness.misfit(1, schema) is None


def _raised(*kinds):
    """Return an error of the last of `kinds`, each raised while the one before was handled."""
    error = None
    for kind in kinds:
        try:
            try:
                if error is not None:
                    raise error
            finally:
                raise kind("words")
        except BaseException as raised:  # noqa: BLE001 - SystemExit is among them
            error = raised
    return error


class AwayError(Exception):
    """An error of a client library that is not an OSError."""


class SilentError(Exception):
    """An error whose text can't be shown."""

    def __str__(self):
        raise ValueError


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TypeError("a number"), False),
        (AwayError("words"), False),
        (SilentError(), False),
        (_raised(KeyError, TypeError), False),
        (FileNotFoundError(2, "No such file", "data.csv"), True),
        (TimeoutError(), True),
        (ModuleNotFoundError("No module named 'lazy'"), True),
        (MemoryError(), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (SystemExit(1), True),
        (KeyboardInterrupt(), True),
        (_raised(ConnectionRefusedError, AwayError), True),
        (_raised(ConnectionRefusedError, KeyError, AwayError), True),
    ],
)
def test_failures_of_files_network_and_memory_come_from_the_environment(error, expected):
    assert likeness.comes_from_environment(error) is expected


def test_a_cause_that_is_hidden_or_a_circle_ends_the_search():
    hidden = _raised(OSError, TypeError)
    hidden.__suppress_context__ = True
    circle = TypeError("a")
    circle.__cause__ = ValueError("b")
    circle.__cause__.__cause__ = circle
    assert [likeness.comes_from_environment(error) for error in (hidden, circle)] == [False, False]
