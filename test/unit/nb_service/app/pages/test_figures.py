import pytest
from nb_service.app.pages import charts, figures
from nb_service.http.metrics import Requests

POOL = {"waiting": 1, "in_flight": 2, "scorers": 3, "batches": {"counts": [1, 1], "total": 1001}}


def shown(*asked, checks=frozenset()):
    """Return the figures by their names, for requests that were answered: route, status, seconds."""
    requests = Requests()
    for one in asked:
        requests.asked(*one)
    return {one.name: one[1:] for one in figures.build_figures({**requests.numbers(), **POOL}, checks)}


def test_figures_are_those_of_the_metrics():
    made = shown(("/predict", 200, 0.002), ("/predict", 422, 0.002), ("/docs", 500, 1), checks={"/readyz"})
    assert made["Samples"] == ("1,001", "scored since the start")
    assert made["Requests"] == ("3", "1 with 4xx, 1 with 5xx")
    assert made["Median of /predict"] == ("1.8 ms", "95 of 100 within 2.4 ms")
    assert made["Scorers"] == ("3", "1 waiting, 2 in flight")


def test_health_checks_are_no_requests_of_clients():
    assert shown(("/readyz", 503, 0.001), checks={"/readyz"})["Requests"] == ("0", "0 with 4xx, 0 with 5xx")


def test_before_the_first_request_there_is_no_median():
    assert shown()["Median of /predict"] == ("none yet", "")
    assert figures.build_figures({}, frozenset()) == []


@pytest.mark.parametrize(("share", "value"), [(0, 0), (0.25, 0.5), (0.5, 1), (0.75, 1.5), (0.8, 1.6), (1, 4)])
def test_a_quantile_is_estimated_within_its_bucket(share, value):
    assert figures.quantile({"edges": (1, 2, 4), "counts": [2, 2, 0, 0]}, share) == pytest.approx(min(value, 2))


def test_beyond_the_last_edge_a_quantile_is_that_edge():
    assert figures.quantile({"edges": (1, 2), "counts": [0, 0, 5]}, 0.5) == 2


def test_durations_have_two_digits():
    assert [figures.duration(seconds) for seconds in (0.00123, 0.25, 2.04)] == ["1.2 ms", "250 ms", "2 s"]


def feature(title, part, *bins):
    """Return a feature as the page of drift has it."""
    pairs = [{"label": label, "baseline": kept, "present": now} for label, kept, now in bins]
    return {
        "title": title,
        "part": part,
        "has_drifted": False,
        "rows": 10,
        "samples": 5,
        "bins": pairs,
    }


def test_answers_come_first_and_the_highest_bar_is_as_high_as_the_chart():
    made = charts.build_charts(
        [feature("age", "sample", ("any", "0.0", "0.0")), feature("it", "answer", ("a", "25.0", "50.0"))]
    )
    assert [one.title for one in made] == ["it", "age"]
    assert [(bar.baseline, bar.present, bar.description) for bar in made[0].bars] == [
        (30, 60, "a: 25.0 % of the baseline, 50.0 % of the present")
    ]
    assert made[1].bars[0].present == 0 and (made[1].first, made[1].last) == ("any", "")


def test_only_so_many_are_drawn():
    assert len(charts.build_charts([feature(str(number), "sample") for number in range(50)])) == charts.MAX_COUNT
