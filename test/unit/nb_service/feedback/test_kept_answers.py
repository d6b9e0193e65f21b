import tracemalloc

import pytest
from nb_scorer.protocol import frames
from nb_service.feedback.kept_answers import MAX_DECODED, MAX_WITHOUT_INDEX, KeptAnswers
from nb_service.pool.answer import OK, Answer, Job

LIMIT = 1 << 20


def pair(request_id, payload, kind=frames.SAMPLE):
    return Job(b"[1, 2]", None, kind, request_id), Answer(OK, payload)


def kept_of(*pairs, limit=LIMIT):
    kept = KeptAnswers(limit)
    kept.answered(list(pairs))
    return kept


def test_an_answer_is_found_by_the_id_of_its_request():
    kept = kept_of(pair("a", b"4"), pair("b", b'{"x": [1.5]}'), pair(None, b"5"))
    assert kept.look([["b", None], ["a", 0], ["c", None], ["a", 1]]) == [
        [None, {"x": [1.5]}],
        [None, 4],
        ["unknown", None],
        ["unknown", None],
    ]
    assert len(kept) == 2


@pytest.mark.parametrize("limit", [LIMIT, MAX_WITHOUT_INDEX + 1], ids=["an index when it is asked", "from the start"])
def test_the_first_feedback_takes_an_answer(limit):
    kept = kept_of(pair("a", b"4"), limit=limit)
    # To look takes nothing: what was sent may not be comparable.
    assert kept.look([["a", None]]) == kept.look([["a", None]]) == [[None, 4]]
    assert kept.take("a", None)
    assert not kept.take("a", None)
    assert kept.look([["a", None]]) == [["repeated", None]]


def test_each_of_many_answers_has_its_own_feedback():
    kept = kept_of(pair("many", b'[1, "two", [3]]', frames.MANY), pair("one", b"[7]", frames.BLOCK))
    assert kept.take("many", 2)
    assert not kept.take("many", 2)
    assert kept.take("many", 0)
    assert kept.look([["many", place] for place in (0, 1, 2, 3, None)] + [["one", None]]) == [
        ["repeated", None],
        [None, "two"],
        ["repeated", None],
        ["unknown", None],
        ["incomparable", None],
        [None, 7],
    ]


def test_no_one_is_given_the_answer_to_another_request_of_the_same_id():
    kept = kept_of(pair("a", b"4"), pair("a", b"7"), pair("b", b"4"), pair("b", b"4"))
    assert kept.look([["a", None], ["b", None]]) == [["unknown", None], [None, 4]]
    # The same alongside answers that came earlier, that have had feedback, and that are several.
    kept.take("b", None)
    kept.answered([pair("b", b"5")])
    kept.answered([pair("a", b"4")])
    kept.keep("many", b"[1, 2]", is_many=True)
    kept.keep("many", b"[1, 2]", is_many=True)
    assert kept.look([["a", None], ["b", None], ["many", 0]]) == [["unknown", None], ["unknown", None], [None, 1]]
    kept.take("many", 0)
    kept.keep("many", b"[1, 2]", is_many=True)
    assert kept.look([["many", 1]]) == [["unknown", None]]
    # They take no other client's feedback, either.
    assert kept.take("a", None) and kept.take("a", None)


def test_an_id_that_comes_again_goes_with_its_first_answer_and_then_is_new():
    kept = kept_of(pair("a", b"4"))
    kept.look([["a", None]])
    kept.answered([pair("a", b"4"), pair("z", b"1")])
    for number in range(20_000):
        kept.keep(f"other-{number}", b"0", is_many=False)
    assert kept.look([["a", None], ["z", None]]) == [["unknown", None]] * 2
    kept.answered([pair("a", b"5")])
    assert kept.look([["a", None]]) == [[None, 5]]


@pytest.mark.parametrize("together", [1, 256])
@pytest.mark.parametrize("payload", [b"4", b'"' + b"x" * 200 + b'"', b"[" + b"1, " * 9000 + b"1]"], ids=len)
@pytest.mark.parametrize("kind", [frames.SAMPLE, frames.MANY])
@pytest.mark.parametrize("is_asked", [False, True])
def test_a_flood_takes_no_more_memory_than_it_may(together, payload, kind, is_asked):
    tracemalloc.start()
    kept = KeptAnswers(LIMIT)
    if is_asked:
        kept.look([["first", None]])
    for block in range((20_000 if len(payload) < 1000 else 2_000) // together):
        # Each a string of its own, as they come from clients.
        kept.answered(
            [pair(f"{block:08x}-{number:012x}", bytes(bytearray(payload)), kind) for number in range(together)]
        )
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert taken <= LIMIT and kept.bytes <= LIMIT
    # A block goes as a whole: of large answers that come together, all do.
    assert len(kept) >= LIMIT / (1.06 * len(payload) + 600) - together


def test_the_last_answers_stay():
    kept = KeptAnswers(LIMIT)
    for number in range(50_000):
        kept.answered([pair(str(number), str(number).encode())])
    assert kept.look([["49999", None], ["49000", None], ["0", None]]) == [
        [None, 49999],
        [None, 49000],
        ["unknown", None],
    ]


def test_a_larger_answer_than_a_share_is_not_kept_and_those_next_to_it_are():
    kept = kept_of(pair("large", b"1" * (LIMIT // 16 + 1)), pair("small", b"1"))
    assert kept.look([["large", None], ["small", None]]) == [["unknown", None], [None, 1]]


def test_a_look_ends_where_it_has_taken_long_enough():
    array = b"[" + b", ".join([b"1"] * (LIMIT // 16 // 4)) + b"]"
    kept = kept_of(*[pair(name, array, frames.MANY) for name in "abc"])
    wanted = [[name, place] for name in "abc" for place in range(100)]
    seen = kept.look(wanted)
    assert 100 < len(seen) < 300 and len(array) * 2 > MAX_DECODED
    assert seen == [[None, 1]] * len(seen)
    # What is left is asked for again, one at least each time.
    assert kept.look(wanted[len(seen) :])[0] == [None, 1]


def test_an_answer_that_is_nested_too_deeply_is_no_fault():
    deep = b"[" * 20_000 + b"]" * 20_000
    kept = kept_of(pair("one", deep), pair("many", deep, frames.MANY))
    assert kept.look([["one", None], ["many", 0]]) == [["incomparable", None]] * 2
