import sys

import pytest
from nb_builder.common import syntax_trees
from nb_builder.rewrite import keep_requirements, names


@pytest.fixture
def deep_enough():
    """Set the recursion limit that the command line sets."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(syntax_trees.RECURSION_LIMIT)
    yield
    sys.setrecursionlimit(before)


def sum_of(terms):
    return "y = " + " + ".join(["x"] * terms)


@pytest.mark.usefixtures("deep_enough")
def test_a_tree_that_is_returned_can_be_walked_through():
    statements = syntax_trees.statements(sum_of(syntax_trees.MAX_DEPTH - 5))
    assert names.bound(statements) == {"y"}
    assert "x" in keep_requirements.needed(statements[0])


@pytest.mark.usefixtures("deep_enough")
@pytest.mark.parametrize(
    "source", [sum_of(syntax_trees.MAX_DEPTH + 5), sum_of(20_000), "-" * 100_000 + "1", "x = ", "\0"]
)
def test_what_is_nested_deeper_or_no_python_has_no_tree(source):
    assert syntax_trees.tree(source) is None
    assert syntax_trees.statements(source) == []


def test_the_statements_until_a_line_are_whole():
    source = "a = 1\nb = f(\n    'x'\n)\nc = 2\n"
    assert syntax_trees.until(source, 2) == ["a = 1", "b = f('x')"]
    assert len(syntax_trees.until(source, None)) == 3
