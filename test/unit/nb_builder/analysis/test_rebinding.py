"""Which statement behind a call changes what predictor uses."""

import pytest
from nb_builder.analysis import rebinding
from nb_builder.common.cell import Cell

BASE = "df = 1\nother = 2\ndef helper(x):\n    return df * x\ndef predictor(x):\n    return helper(x)"


def changes(*sources, number=1, line=9):
    cells = [Cell(source, position, position) for position, source in enumerate([BASE, *sources], start=1)]
    return [
        (change.cell.number, change.line, change.verb, change.name)
        for change in rebinding.of_predictor(cells, number, line)
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("df = 2", [(2, 1, "rebinds", "df")]),
        ("x = 1\nfor df in range(3): pass", [(2, 2, "rebinds", "df")]),
        ("df += 1", [(2, 1, "rebinds", "df")]),
        ("df.loc[0] = 3", [(2, 1, "changes", "df")]),
        ("df.append(3)", [(2, 1, "changes", "df")]),
        ("del df", [(2, 1, "deletes", "df")]),
        ("def helper(x):\n    return x", [(2, 1, "rebinds", "helper")]),
        ("other = 3", []),
        ("def f():\n    df = 3", []),
        ("get_ipython().run_cell_magic('time', '', '\\ndf = 3')", [(2, 3, "rebinds", "df")]),
    ],
)
def test_what_a_later_cell_does_to_a_name_that_predictor_uses_is_found(source, expected):
    assert changes(source) == expected


def test_what_was_before_the_call_does_not_count():
    assert changes("df = 2", number=2, line=1) == []
    assert changes("predictor(1)\ndf = 2", number=2, line=1) == [(2, 2, "rebinds", "df")]


def test_the_last_change_of_a_name_counts():
    assert changes("df = 2", "df = 3") == [(3, 1, "rebinds", "df")]


def test_predictor_itself_is_followed_to_what_it_is_made_of():
    source = "import functools\npredictor = functools.partial(helper, other)"
    assert changes(source, "df = 5", number=2) == [(3, 1, "rebinds", "df")]
