import pytest
from nb_builder.common.installed import Distribution
from nb_builder.slim.imports import dependency_graph


def distributions(**requires):
    return [Distribution(name.replace("_", "-"), "1", (), 0, False, tuple(lines)) for name, lines in requires.items()]


@pytest.mark.parametrize(
    ("requires", "needed"),
    [
        ({"a": ["b>=1"], "b": ["C-c"], "c_c": [], "d": []}, {"b": "a", "c-c": "b"}),
        ({"a": ["b; extra == 'more'", "gone"], "b": []}, {}),
        ({"a": ["b[more]"], "b": ["c; extra == 'more'"], "c": []}, {"b": "a", "c": "b"}),
        ({"a": ["b; python_version < '3.9'", "c; python_version < '3.12'"], "b": [], "c": []}, {"c": "a"}),
        ({"a": ["b"], "b": ["a"]}, {"b": "a"}),
        ({"a": ["no requirement at all", "b"], "b": []}, {"b": "a"}),
    ],
)
def test_what_is_declared_is_followed_to_the_end(requires, needed):
    assert dependency_graph.needed_by(["a"], distributions(**requires), "3.11.2") == needed
