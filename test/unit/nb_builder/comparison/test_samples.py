"""Which samples are asked: golden rows that both have."""

from pathlib import Path

import pytest
from nb_builder.comparison import samples
from nb_builder.comparison.problems import DiffNoRows
from nb_builder.comparison.services import Model

from unit.nb_builder.comparison.stand_ins import Candidate

HOME = Path("/nowhere")


def read(old, new):
    return samples.read("golden", (), Candidate("OLD", "before", old), Candidate("NEW", "after", new), HOME)


def test_golden_rows_of_both_are_asked_and_those_of_one_are_reported():
    made = read([[1, 2], "a", 3], ["a", [1, 2], 4])
    assert [(row.name, row.sample) for row in made.rows] == [("golden row 1", b"[1, 2]"), ("golden row 2", b'"a"')]
    assert (made.only_old, made.only_new) == ([3], [4])


def test_one_and_one_point_nought_are_two_samples_and_so_are_two_orders_of_keys():
    made = read([1, 1.0, {"a": 1, "b": 2}], [1.0, {"b": 2, "a": 1}])
    assert [row.sample for row in made.rows] == [b"1.0"]
    assert (made.only_old, made.only_new) == ([1, {"a": 1, "b": 2}], [{"b": 2, "a": 1}])


def test_a_row_that_is_there_twice_is_asked_as_often_as_both_have_it():
    made = read([1, 1, 1], [1, 1])
    assert (len(made.rows), made.only_old, made.only_new) == (2, [1], [])


def test_a_native_image_has_none():
    native = Candidate("NEW", "after")
    native.model = Model({}, None)
    with pytest.raises(DiffNoRows, match="NEW=after is a native image, which keeps no golden rows"):
        samples.read("golden", (), Candidate("OLD", "before", [1]), native, HOME)


def test_the_tolerance_is_the_larger_of_both():
    pair = Candidate("OLD", "before", tolerance=1e-3), Candidate("NEW", "after", tolerance=1e-6)
    assert samples.tolerance(*pair) == 1e-3
    assert samples.tolerance(Candidate("OLD", "before"), Candidate("NEW", "after")) == 1e-6
