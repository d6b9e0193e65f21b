"""Which names code binds, changes and needs."""

import ast

import pytest
from nb_builder.rewrite.names import bound, changed, needed


def only(source):
    (statement,) = ast.parse(source).body
    return statement


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a = b = 1", {"a", "b"}),
        ("a, (b, *c) = x", {"a", "b", "c"}),
        ("import a.b, c as d", {"a", "d"}),
        ("with open(x) as f:\n    y = f", {"f", "y"}),
        ("try:\n    a = 1\nexcept E as e:\n    b = 2", {"a", "e", "b"}),
        ("def f(a):\n    b = 1", {"f"}),
        ("class C:\n    d = 1", {"C"}),
        ("[x for x in y]", set()),
        ("if (n := 10): pass", {"n"}),
        ("a[0] = 1", set()),
    ],
)
def test_bound(source, names):
    assert bound([only(source)]) == names


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a += 1", {"a"}),
        ("a.b[0] = 1", {"a"}),
        ("a.append(1)", {"a"}),
        ("for x in y:\n    a.extend(x)", {"a"}),
        ("def f():\n    a.append(1)", set()),
        ("print(a)", set()),
        ("del a[0]", {"a"}),
    ],
)
def test_changed(source, names):
    assert changed(only(source)) == names


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a = b + c", {"b", "c"}),
        ("a += b", {"a", "b"}),
        ("[x for x in y if z]", {"y", "z"}),
        ("f = lambda x: x + y", {"y"}),
        ("def f(a, b=c):\n    d = a + e\n    return d", {"c", "e"}),
    ],
)
def test_needed(source, names):
    assert needed(only(source)) == names
