import pytest
from hypothesis import given
from hypothesis import strategies as st
from nb_service.protocols import Series

VALUES = [1, "a, b", [1.5, None], {"x": [True]}]
EACH = [b"1", b'"a, b"', b"[1.5, null]", b'{"x": [true]}']
ARRAY = b'[1, "a, b", [1.5, null], {"x": [true]}]'


@pytest.mark.parametrize(
    "series", [Series(EACH), Series(array=ARRAY), Series(values=VALUES)], ids=["each", "array", "values"]
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
        Series(Series(values=values).each),
    ):
        parts = list(series.parts(size))
        assert all(len(part) <= size for part in parts)
        assert Series.joined([part.array for part in parts]).values == values


@given(st.lists(st.lists(st.integers())))
def test_nothing_is_longer_than_at_most(values):
    assert Series(array=Series(values=values).array).at_most >= len(values)


@pytest.mark.parametrize("body", [b"{}", b"1", b"[1", b"", b"[NaN]"])
def test_what_is_no_array_is_told_when_it_is_read(body):
    with pytest.raises(ValueError, match="no array of samples|Expecting|NaN is not JSON"):
        len(Series(array=body))
