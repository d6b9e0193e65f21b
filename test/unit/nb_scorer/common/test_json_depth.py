"""Depth is counted in brackets outside of strings, and never by a decoder that could crash."""

import json

import pytest
from nb_scorer.common import json_depth

MOST = json_depth.MAX_DEPTH


def nested(levels, inner=b""):
    return b"[" * levels + inner + b"]" * levels


@pytest.mark.parametrize(
    ("body", "is_too_deep"),
    [
        (nested(MOST), False),
        (nested(MOST + 1), True),
        (b"[" + b"[]," * 5 * MOST + b"[]]", False),
        (b'{"a":' * (MOST + 1) + b"1" + b"}" * (MOST + 1), True),
        (json.dumps("[" * 5 * MOST).encode(), False),
        (json.dumps(['\\"[' * 5 * MOST]).encode(), False),
        (json.dumps(["\\"]).encode()[:-1] + b"," + nested(MOST) + b"]", True),
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
    for body in (nested(MOST + 1), nested(MOST + 1).decode()):
        with pytest.raises(RecursionError, match="deeper than 1000 levels"):
            json_depth.loads(body)
    assert json_depth.loads("[NaN]", parse_constant=str) == ["NaN"]
