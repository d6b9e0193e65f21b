"""Depth is counted in brackets outside strings, and never by a decoder that could crash."""

import json

import pytest
from nb_scorer.common import json_depth

MAX_COUNT = json_depth.MAX_DEPTH


def nested(levels, inner=b""):
    return b"[" * levels + inner + b"]" * levels


@pytest.mark.parametrize(
    ("body", "is_too_deep"),
    [
        (nested(MAX_COUNT), False),
        (nested(MAX_COUNT + 1), True),
        (b"[" + b"[]," * 5 * MAX_COUNT + b"[]]", False),
        (b'{"a":' * (MAX_COUNT + 1) + b"1" + b"}" * (MAX_COUNT + 1), True),
        (json.dumps("[" * 5 * MAX_COUNT).encode(), False),
        (json.dumps(['\\"[' * 5 * MAX_COUNT]).encode(), False),
        (json.dumps(["\\"]).encode()[:-1] + b"," + nested(MAX_COUNT) + b"]", True),
        (b"[" * 100_000, True),
        (b"]" * 100_000, False),
        (b'"' + b'\\"[' * 100_000, False),
    ],
    ids=[
        "most",
        "one more",
        "wide",
        "objects",
        "in a string",
        "behind escapes",
        "behind a string",
        "open",
        "closed",
        "no end",
    ],
)
def test_levels_are_counted_outside_of_strings(body, is_too_deep):
    assert json_depth.is_too_deep(body) == is_too_deep


def test_what_is_too_deep_is_a_recursion_error_as_text_and_as_bytes():
    for body in (nested(MAX_COUNT + 1), nested(MAX_COUNT + 1).decode()):
        with pytest.raises(RecursionError, match="deeper than 1000 levels"):
            json_depth.loads(body)
    assert json_depth.loads("[NaN]", parse_constant=str) == ["NaN"]
