import json

from hypothesis import given
from hypothesis import strategies as st
from nb_service.http.histogram import ANY_NUMBER, Histogram, buckets, edges_around


@given(st.lists(st.floats(allow_nan=False), max_size=30))
def test_buckets_count_what_is_not_above_their_edge(values):
    histogram = Histogram((0, 1, 10))
    for value in values:
        histogram.observe(value)
    expected = [(edge, sum(value <= float(edge) for value in values)) for edge in ("0.0", "1.0", "10.0")]
    assert buckets(json.loads(json.dumps(histogram.numbers()))) == [*expected, ("+Inf", len(values))]


@given(st.lists(st.floats(allow_nan=False), max_size=10))
def test_edges_around_any_values_rise(values):
    edges = edges_around(values)
    assert list(edges) == sorted(set(edges))
    assert len(edges) >= 2


def test_edges_reach_beyond_the_values_on_both_sides():
    edges = edges_around([0.0, 10.0])
    assert (edges[0], edges[-1], len(edges)) == (-5.0, 15.0, 21)
    assert edges_around([]) == edges_around([3.0]) == ANY_NUMBER
