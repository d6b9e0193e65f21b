import json
import random

import pytest
from nb_scorer.protocol import frames, number_blocks
from nb_service.drift import comparison, present
from nb_service.drift.present import Present
from nb_service.pool.answer import FAILED, OK, Answer, Job

from unit.nb_service.drift.baselines import made


class Time:
    """A clock, and what counting takes of it at each look: `cost` seconds."""

    def __init__(self):
        self.now = 0.0
        self.spent = 0.0
        self.cost = 0.0

    def clock(self):
        """Return the time."""
        return self.now

    def used(self):
        """Return the time that counting has taken so far; it grows at each look."""
        self.spent += self.cost
        return self.spent


@pytest.fixture
def time():
    """Return a clock for `watching`."""
    return Time()


def watching(baseline, time=None):
    """Return a Present; its time stands still where none is given."""
    time = time or Time()
    return Present(baseline, time.clock, time.used)


def pair(sample, answer, kind=frames.SAMPLE, outcome=OK):
    """Return a job with its answer."""
    body = sample if kind == frames.BLOCK else json.dumps(sample).encode()
    return Job(body, None, kind), Answer(outcome, json.dumps(answer).encode())


ROWS = [[number, number % 2 == 0] for number in range(100)]
BASELINE = made(ROWS, ["even" if even else "odd" for _, even in ROWS])


def test_samples_and_answers_are_counted_however_they_came():
    counting = watching(BASELINE)
    block = number_blocks.pack("d", "<", (2, 2), b"".join([b"\0" * 8] * 4))
    pairs = [
        pair([1, True], "odd"),
        pair([99, False], "even", frames.TOGETHER),
        pair([[5, True], [6, None]], ["odd", "even"], frames.MANY),
        pair(block, ["even", "even"], frames.BLOCK),
        (Job(b"\xef\xbb\xbf[7, true]", None), Answer(OK, b'"odd"')),
        pair([50, True], "refused", outcome=FAILED),
        pair({"a": "sample"}, None),
    ]
    samples = counting.answered(pairs)
    assert samples == [
        [[1, True]],
        [[99, False]],
        [[5, True], [6, None]],
        [[0, 0], [0, 0]],
        [[7, True]],
        [],
        [{"a": "sample"}],
    ]
    number, truth, answer = counting.numbers()["present"]
    assert (sum(number), number[0], number[-3], number[-2:]) == (8, 6, 1, [1, 0])
    assert truth == [1, 3, 3, 1]
    assert (dict(zip(BASELINE.features[2].labels(), answer, strict=True))) == {
        "= even": 4,
        "= odd": 3,
        "other": 0,
        "missing": 1,
    }


def test_what_is_nested_too_deeply_or_too_long_is_left_out_alone():
    counting = watching(BASELINE)
    deep = b"[" * 5000 + b"]" * 5000
    long = b"[" + b"1, " * present.decoded.MAX_LENGTH + b"1]"
    pairs = [pair([1, True], "odd"), (Job(deep, None), Answer(OK, deep)), (Job(long, None), Answer(OK, b'"odd"'))]
    assert [len(samples) for samples in counting.answered(pairs)] == [1, 0, 0]
    assert sum(counting.numbers()["present"][2]) == 2


def test_the_present_are_the_last_two_thousand_samples_and_counts_are_since_the_start():
    counting = watching(BASELINE)
    for number in range(100):
        counting.answered([pair([1 if number < 50 else 99, True], "odd")] * 100)
    numbers = counting.numbers()
    most = present.PRESENT_SAMPLES + present.STEP_SAMPLES + present.TOGETHER
    assert numbers["counted"] == 10_000 and present.PRESENT_SAMPLES <= numbers["samples"] < most
    assert sum(numbers["counts"][0]) == 10_000
    assert numbers["counts"][0][0] == 5000 and numbers["present"][0][0] == 0
    assert json.loads(json.dumps(numbers)) == numbers


def test_how_long_the_present_is_is_reported(time):
    counting = watching(BASELINE, time)
    for _ in range(100):
        time.now += 1
        counting.answered([pair([1, True], "odd")] * 100)
    numbers = counting.numbers()
    assert numbers["seconds"] == numbers["samples"] / 100


def test_counting_takes_a_share_of_the_work_and_says_what_it_has_left_out(time):
    counting = watching(BASELINE, time)
    time.cost = 0.05
    looks = []
    for _ in range(100):
        looks.append(counting.answered([pair([1, True], "odd")]) is not None)
        time.now += 0.3
    # What is saved up at the start, and then a fiftieth of 0.05 seconds and a thousandth of 0.3.
    assert looks[:4] == [True, True, True, False]
    assert 4 <= sum(looks) <= 6
    assert counting.numbers()["left_out"] == 100 - sum(looks)
    time.now, time.cost = time.now + 3600, 0.06
    assert [counting.answered([pair([1, True], "odd")]) is not None for _ in range(3)] == [True, True, False]


def shifted(chance, shift):
    """Return a sample of three features, of which the first is moved."""
    return {"age": chance.gauss(40 + shift, 10), "city": chance.choice("abcd"), "sum": chance.expovariate(1)}


def drifted(baseline, counting):
    """Return the names of the features that have drifted."""
    compared = comparison.compare(baseline, counting.numbers()["present"])
    return [one.feature.name for one in compared if one.has_drifted]


@pytest.mark.parametrize("rows", [50, 2000])
def test_nothing_is_claimed_in_a_hundred_runs_without_a_drift(rows):
    claims, looks = 0, 0
    for seed in range(100):
        chance = random.Random(seed)
        baseline = made([shifted(chance, 0) for _ in range(rows)])
        counting = watching(baseline)
        for _ in range(12):
            counting.answered([pair([shifted(chance, 0) for _ in range(250)], [], frames.MANY)])
            claims += bool(drifted(baseline, counting))
            looks += 1
    assert (claims, looks) == (0, 1200)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("age", lambda chance, sample: {**sample, "age": sample["age"] + 6}),
        ("age", lambda chance, sample: {**sample, "age": None if chance.random() < 0.2 else sample["age"]}),
        ("age", lambda chance, sample: {**sample, "age": str(sample["age"])}),
        ("city", lambda chance, sample: {**sample, "city": chance.choice("aaab")}),
        ("city", lambda chance, sample: {**sample, "city": "e" if chance.random() < 0.2 else sample["city"]}),
        ("sum", lambda chance, sample: {**sample, "sum": 2 * sample["sum"]}),
        ("sum", lambda chance, sample: {"age": sample["age"], "city": sample["city"]}),
    ],
    ids=["moved", "missing", "as a text", "other shares", "a new value", "another unit", "no longer sent"],
)
@pytest.mark.parametrize("seed", range(10))
def test_a_drift_is_found_within_two_thousand_samples_whatever_came_before(name, change, seed):
    chance = random.Random(seed)
    baseline = made([shifted(chance, 0) for _ in range(1000)])
    counting = watching(baseline)
    for _ in range(20):
        counting.answered([pair([shifted(chance, 0) for _ in range(500)], [], frames.MANY)])
    assert drifted(baseline, counting) == []
    for _ in range(10):
        moved = [change(chance, shifted(chance, 0)) for _ in range(200)]
        counting.answered([pair(moved, [], frames.MANY)])
    assert drifted(baseline, counting) == [name]


def test_of_a_drift_words_say_how_large_it_is():
    counting = watching(BASELINE)
    counting.answered([pair([1000, True], "odd")] * 300)
    compared = comparison.compare(BASELINE, counting.numbers()["present"])
    said = comparison.lines(compared, 300)
    assert (
        said[0].startswith("0 of the sample differs from the baseline (PSI 4.52") and "; KS 0.90, and up to" in said[0]
    )
    assert said[2].startswith("the answer differs from the baseline (PSI ")
    assert comparison.lines(compared[1:1], 300) == ["none in 0 features of 300 samples"]
    few = comparison.compare(BASELINE, [[0] * feature.size for feature in BASELINE.features])
    assert comparison.lines(few, 12) == ["too few samples to decide, 12 of 200"]
