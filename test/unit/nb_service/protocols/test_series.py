import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nb_service.protocols import Malformed, Series, encode

VALUES = [1, "a, b", [1.5, None], {"x": [True]}]
EACH = [b"1", b'"a, b"', b"[1.5, null]", b'{"x": [true]}']
ARRAY = b'[1, "a, b", [1.5, null], {"x": [true]}]'


@pytest.mark.parametrize(
    "series",
    [Series(EACH), Series(array=ARRAY), Series(values=VALUES), Series.encoded(VALUES), Series.encoded(VALUES, 1 << 20)],
    ids=["each", "array", "values", "encoded", "encoded one by one"],
)
def test_every_form_is_made_of_every_other(series):
    assert series.array == ARRAY
    assert series.values == VALUES
    assert series == EACH
    assert (len(series), series[1], list(series)) == (4, b'"a, b"', EACH)


def test_the_bytes_of_a_value_are_kept_where_they_came_so():
    assert Series([b"1.50", b"1e2"]).array == b"[1.50, 1e2]"
    assert Series(array=b"[1.50]").array == b"[1.50]"


@given(st.lists(st.lists(st.integers())), st.integers(1, 5))
def test_parts_joined_are_the_whole(values, size):
    for series in (
        Series(values=values),
        Series(array=Series(values=values).array),
        Series(Series(values=values).elements),
        Series.encoded(values),
        Series.encoded(values, 1 << 20),
    ):
        parts = list(series.parts(size))
        assert all(len(part) <= size for part in parts)
        assert Series.joined([part.array for part in parts]).values == values


@given(st.lists(st.lists(st.integers())))
def test_nothing_is_longer_than_at_most(values):
    assert Series(array=Series(values=values).array).at_most >= len(values)


@pytest.mark.parametrize("body", [b"{}", b"1", b"[1", b"", b"[NaN]"])
def test_what_is_no_array_is_reported_when_it_is_read(body):
    with pytest.raises(ValueError, match="not an array of samples|Expecting|NaN is not JSON"):
        len(Series(array=body))


@pytest.mark.parametrize(
    "take", [lambda series: series.elements, lambda series: [*series.parts(1000)]], ids=["elements", "parts"]
)
def test_of_the_values_that_are_encoded_only_some_are_in_memory(take):
    count, width = 10_000, 20
    tracemalloc.start()
    taken = take(Series.encoded([number + 1000] * width for number in range(count)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(taken) in (count, count // 1000)
    # As JSON; as numbers and lists they are six times as much.
    assert peak < 3 * count * width * len("20000, ")


def test_json_that_is_nested_too_deeply_is_rejected_where_it_is_written():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(Malformed, match="nested too deeply"):
        encode(deep)
