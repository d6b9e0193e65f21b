"""Which rows of a batch are asked alone too, and what is said of a difference."""

import numpy as np
import pytest
from nb_scorer.batching import watch
from nb_scorer.batching.deferred import Batch, Rows
from nb_scorer.batching.form import Failure
from nb_scorer.batching.watch import ProofWatch, Watch

from unit.nb_scorer.batching.stand_ins import Linear

MODEL = Linear()
STOP = (1, MODEL.predict, ([[1.0]],), {}, False)


def key(shape=(list, float, 1), number=1, model=MODEL):
    return number, (type(model), id(model), 0), shape, ()


def test_the_first_rows_at_a_call_are_all_watched_and_a_share_of_those_after_them():
    tested = Watch(first=100, share=0.1)
    assert [len(tested.choose(key(), 50, 0.0)) for _ in range(2)] == [50, 50]
    later = sum(len(tested.choose(key(), 100, 0.0)) for _ in range(100))
    assert 800 < later < 1200
    assert len(tested.choose(key(number=2), 50, 0.0)) == 50


def test_a_share_of_none_watches_none():
    tested = Watch(first=1, share=0.0)
    tested.choose(key(), 1, 0.0)
    assert list(tested.choose(key(), 100, 0.0)) == []


def test_a_kind_not_seen_before_is_watched_however_late_it_comes():
    tested = Watch(first=1, share=0.0)
    assert len(tested.choose(key(), 8, 0.0)) == 8
    assert len(tested.choose(key((list, int, 1)), 8, 0.0)) == 8
    assert len(tested.choose(key((list, int, 1)), 8, 0.0)) == 0


def test_another_object_of_the_same_class_is_of_the_same_kind():
    tested = Watch(first=1, share=0.0)
    assert len(tested.choose(key(), 8, 0.0)) == 8
    assert len(tested.choose(key(model=Linear()), 8, 0.0)) == 0


def test_kinds_that_clients_make_take_little_memory(monkeypatch):
    monkeypatch.setattr(watch, "MAX_KINDS", 10)
    tested = Watch(first=1, share=0.0)
    for number in range(20):
        assert len(tested.choose(key((dict, ("k" * 10000 + str(number),))), 8, 0.0)) == 8
    assert len(tested._kinds) == 10
    assert all(isinstance(kind, int) for kind in tested._kinds)


def test_the_first_difference_is_reported_with_digests_and_no_values():
    tested = Watch()
    assert tested.compare(STOP, np.array([1.0]), np.array([1.0]))
    assert tested.ended is None
    assert not tested.compare(STOP, np.array([123.0]), np.array([124.0]))
    assert not tested.compare(STOP, "later", "others")
    assert tested.ended["call"] == "Linear.predict"
    assert tested.ended["alone"] != tested.ended["together"]
    assert "123" not in str(tested.ended)
    assert [len(tested.ended[side]) for side in ("alone", "together")] == [12, 12]


def test_an_error_alone_is_a_difference():
    tested = Watch()
    assert not tested.compare(STOP, Failure(ValueError("secret")), np.array([1.0]))
    assert "secret" not in str(tested.ended)


def test_rows_that_are_still_joined_are_compared_as_rows():
    rows = Rows(Batch(np.array([1.0, 2.0]), 2, False), 1, 2)
    assert Watch().compare(STOP, np.array([2.0]), rows)
    tested, again = Watch(), Watch()
    assert not tested.compare(STOP, np.array([1.0]), rows)
    assert not again.compare(STOP, np.array([1.0]), Rows(Batch(np.array([2.0]), 1, False), 0, 1))
    assert tested.ended == again.ended


def test_values_that_can_not_be_shown_are_a_difference_like_others():
    class Awkward:
        def __repr__(self):
            raise RuntimeError

    tested = Watch()
    assert not tested.compare(STOP, Awkward(), Awkward())
    assert tested.ended["call"] == "Linear.predict"


def test_the_proof_watches_all_and_notes_whether_bits_differ():
    tested = ProofWatch()
    assert list(tested.choose(key(), 3, 0.0)) == [0, 1, 2]
    assert tested.compare(STOP, 1.0, 1.0)
    assert tested.exact
    assert tested.compare(STOP, 1.0, 1.0 + 1e-12)
    assert not tested.exact
    assert tested.ended is None
    assert tested.joined == 3


@pytest.mark.parametrize(
    ("function", "name"),
    [(MODEL.predict, "Linear.predict"), (MODEL, "Linear"), (len, "len"), (np.linalg.norm, "norm")],
)
def test_a_call_has_a_name_for_readers(function, name):
    assert watch.name_of(function) == name


@pytest.mark.parametrize(("alone", "share"), [(0.001, 0.01), (0.01, 0.0025), (1.0, 0.001)])
def test_rows_that_cost_much_alone_are_watched_less_often_but_never_less_than_one_in_a_thousand(alone, share):
    tested = Watch(first=100)
    tested.choose(key(), 100, 0.01)
    tested.asked_alone(key(), 100, 100 * alone)
    # A shared call takes 0.1 ms a row: a quarter of that is what watching may take.
    watched = sum(len(tested.choose(key(), 1000, 0.1)) for _ in range(1000))
    assert 0.9 * share < watched / 1e6 < 1.1 * share


def test_of_a_large_call_the_proof_compares_rows_of_all_parts():
    tested = ProofWatch()
    assert list(tested.choose(key(), 256, 0.0)) == list(range(256))
    assert list(tested.choose(key(), 257, 0.0)) == list(range(0, 257, 2))
    assert list(tested.choose(key(), 1024, 0.0)) == list(range(0, 1024, 4))
    assert tested.joined == 256 + 257 + 1024
