"""Samples for translated functions: of every type of JSON, near what notebooks take, and far from it."""

from hypothesis import strategies as st

ANY = (
    None, True, False, 0, 1, -1, 3, 2.5, -0.0, 0.0, 1e308, 1e-320, "", "a", "ab", "1.5", " -2_0 ", "abcd", "é", [], {},
    [1], [1, 2], [1.5, 2], [1, 2, 3, 4], [5.1, 3.5, 1.4, 0.2], [-1, 0, 0, 0], [True, False, True, True],
    [True, 2, 3.5, 4], [None, 1, 2, 3], [None, "1", 2, 3], ["1", "2", "3", "4"], ["1", 2, 3, 4], [[1, 2, 3, 4]],
    [[1, 2], [3, 4]], [1, 2, 3, {}], [1, 2, 3, [4]], [1, 2, 3], [1, 2, 3, 4, 5], [2**53, 1, 1, 1],
    {"a": 1}, {"a": 1, "b": 2}, {"a": 2.5, "b": -1}, {"a": True, "b": 0}, {"a": "1.5", "b": "x"}, {"a": None, "b": 1},
    {"a": [1], "b": [2]}, {"a": "", "b": 3}, {"b": 1}, {"a": {"c": 1}, "b": 0}, {"a": "x", "b": "y"}, {"a": 0, "b": 0},
    {"a": 3, "b": 2.0, "c": "x"}, {"a": -7, "b": 2}, {"a": 7.5, "b": -2}, {"a": 1e300, "b": 1e300}, {"a": -8, "b": 0.5},
)  # fmt: skip

numbers = st.one_of(
    st.integers(-10, 10),
    st.floats(-100, 100, allow_nan=False),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**53), 2**53),
)
scalars = st.one_of(numbers, st.none(), st.text(max_size=3), st.sampled_from(["1.5", "x", "y", "-3", "1e400", "nan"]))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=6,
)
rows = st.lists(numbers, min_size=4, max_size=4)
objects = st.fixed_dictionaries({"a": scalars, "b": scalars})
samples = st.one_of(rows, objects, values, st.lists(scalars, min_size=4, max_size=4))
