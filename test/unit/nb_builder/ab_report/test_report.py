import json
import math
import random

import pytest
from nb_builder.ab_report import report, text
from nb_builder.ab_report.intervals import Buckets

from unit.nb_builder.ab_report.drawn_counts import CHOSEN, drawn

ALL = ["errors", "latency p50", "latency p95", "latency p99", "right answers", "mean absolute error"]


def made(seed=1, requests=2000, **more):
    chance = random.Random(seed)
    return report.build(CHOSEN, drawn(chance, "a", requests), drawn(chance, "b", requests, **more))


@pytest.mark.parametrize(
    ("like", "worse"),
    [
        ({"seconds": 0.02}, ["latency p50", "latency p95", "latency p99"]),
        ({"errors": 0.1}, ["errors"]),
        ({"right": 0.7}, ["right answers"]),
        ({"error": 1.5}, ["mean absolute error"]),
    ],
    ids=str,
)
def test_what_is_worse_is_said_of_what_it_is(like, worse):
    found = made(**like)
    assert (found["b_is_worse_in"], found["b_is_better_in"], found["exit_status"]) == (worse, [], 3)
    assert [one["name"] for one in found["measures"]] == ALL
    # The same, the other way round.
    chance = random.Random(1)
    better = report.build(CHOSEN, drawn(chance, "a", 2000, **like), drawn(chance, "b", 2000))
    assert (better["b_is_worse_in"], better["b_is_better_in"], better["exit_status"]) == ([], worse, 0)


def test_of_two_that_do_not_differ_a_difference_is_claimed_no_more_often_than_said():
    found = [made(seed, 400) for seed in range(100)]
    claims = sum(bool(one["b_is_worse_in"] or one["b_is_better_in"]) for one in found)
    # 5 of 100 at most; of quantiles less, as edges of buckets are coarse.
    assert claims <= 5


def test_that_a_small_difference_may_be_one_is_not_claimed_and_how_many_it_takes_is_reported():
    found = made(requests=100, right=0.8)
    (right,) = [one for one in found["measures"] if one["name"] == "right answers"]
    assert right["better"] == "not known" and right["difference"]["low"] < 0 < right["difference"]["high"]
    more = right["more_needed"]["b"]
    chance = random.Random(1)
    many = report.build(CHOSEN, drawn(chance, "a", 100 + 8 * more), drawn(chance, "b", 100 + 8 * more, right=0.8))
    assert "right answers" in many["b_is_worse_in"]


def test_without_feedback_nothing_is_said_of_truth():
    chance = random.Random(1)
    a, b = (drawn(chance, name)._replace(agrees=0, judged=0) for name in "ab")
    a, b = (one._replace(numbers=one.numbers._replace(number=0)) for one in (a, b))
    found = report.build(CHOSEN, a, b)
    assert [one["name"] for one in found["measures"]] == ALL[:4]
    assert found["confidence_of_each"] == pytest.approx(1 - 0.05 / 4)
    assert "no feedback" in next(text.lines(found))


def test_the_report_is_json_without_infinity():
    found = made(requests=60)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    p99 = found["measures"][3]
    assert p99["name"] == "latency p99" and p99["a"]["high"] is None and p99["better"] == "not known"


def test_the_text_ends_in_the_verdict():
    lines = list(text.lines(made(seconds=0.02, right=0.7)))
    assert lines[0] == "A  version=a: 2,000 requests to /predict in the last 1h, 1,000 true answers"
    assert lines[-1] == ("Verdict: version=b is worse in latency p50, latency p95, latency p99 and right answers.")
    row = next(line for line in lines if line.startswith("latency p50"))
    assert row.split() == ["latency", "p50", "2.5", "to", "5", "ms", "10", "to", "25", "ms", "A", "is", "better"]
    assert lines[-2] == "All intervals hold together with 95 % confidence."
    both = list(text.lines(made(seconds=0.02, right=0.99)))[-1]
    assert both.endswith("is worse in latency p50, latency p95 and latency p99, and better in right answers.")
    better = list(text.lines(made(right=0.99)))[-1]
    assert better == "Verdict: version=b is better in right answers; nothing is worse."
    none = list(text.lines(made()))
    assert none[-1] == ("Verdict: version=b is neither better nor worse: all differences may be due to chance.")
    assert any("not known; if the difference is as large as measured, about " in line for line in none)


@pytest.mark.parametrize(
    ("of_b", "better"),
    [((0, 0, 100, 100), "a"), ((0, 50, 100, 100), "not known"), ((0, 100, 100, 100), "not known"), ((100,) * 4, "b")],
)
def test_quantiles_differ_where_no_bucket_may_hold_both(of_b, better):
    edges = (0.001, 0.01, 0.1, math.inf)
    a, b = (drawn(random.Random(1), name, 100) for name in "ab")
    a = a._replace(latencies=Buckets(edges, (0, 100, 100, 100)))
    found = report.build(CHOSEN, a, b._replace(latencies=Buckets(edges, of_b)))
    assert found["measures"][1]["name"] == "latency p50" and found["measures"][1]["better"] == better
