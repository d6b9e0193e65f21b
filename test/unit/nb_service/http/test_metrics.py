import json
import os
import types

import pytest
from nb_scorer.protocol import frames
from nb_service.app import exposition
from nb_service.feedback import Feedback, KeptAnswers
from nb_service.feedback.judgement import judge
from nb_service.gpus import Gpus
from nb_service.http import metrics
from nb_service.http.metrics import Requests, Samples
from nb_service.identity import Identity
from nb_service.pool.answer import DIED, FAILED, OK, Answer, Job
from prometheus_client.parser import text_string_to_metric_families


@pytest.fixture
def requests():
    """Return what counts requests."""
    return Requests()


@pytest.fixture
def samples():
    """Return what counts the samples of a pool with a golden row."""
    manager = types.SimpleNamespace(free=[1, 2], endings={"died": 1, "too slow": 0, "recycled": 2}, batching_ended=0)
    plan = types.SimpleNamespace(golden=({"sample": [1, 2], "answer": "a"},), max_queue=10, gpus=Gpus())
    model = types.SimpleNamespace(sample_schema={}, predictors={}, manifest={})
    return Samples(
        types.SimpleNamespace(plan=plan, manager=manager, model=model, waiting=3, in_flight=4, form="derived")
    )


def values_of(requests, samples, **more):
    """Return {(name, labels): value} of the text, made of JSON as the app gets it, and read as Prometheus does."""
    about = {"answers": True, "pid": os.getpid()}
    numbers = json.loads(json.dumps({**about, **requests.numbers(), **samples.numbers(), **more}))
    text, _ = exposition.text_of(numbers, "nb", Identity("fruit", 1763, "abc"))
    families = list(text_string_to_metric_families(text.decode()))
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value for family in families for sample in family.samples
    }


def test_requests_are_counted_by_route_and_status_with_their_latency(requests, samples):
    for status in (200, 200, 500):
        requests.asked("/predict", status, 0.003)
    values = values_of(requests, samples)
    assert values["nb_http_requests_total", ("route", "/predict"), ("status", "200")] == 2
    assert values["nb_http_requests_total", ("route", "/predict"), ("status", "500")] == 1
    latency = "nb_http_request_duration_seconds"
    assert values[f"{latency}_bucket", ("le", "0.0025"), ("route", "/predict")] == 0
    assert values[f"{latency}_bucket", ("le", "0.005"), ("route", "/predict")] == 3
    assert values[f"{latency}_sum", ("route", "/predict")] == pytest.approx(0.009)


def test_each_sample_of_an_array_is_counted_with_its_share_of_the_time(requests, samples):
    kind = frames.MANY
    index = json.dumps({"traceback": '"index": 99}', "index": 4}).encode()
    samples.answered([
        (Job(b"[[1, 2], [3, 4]]", None, kind), Answer(OK, b"[1, 2]", 0.008, 2)),
        (Job(b"[[1, 2], [3, 4], [5, 6]]", None, kind), Answer(OK, b"[1, 2, 3]", 0.3, 1)),
        (Job(b"[[1, 2], [3, 4]]", None, kind), Answer(FAILED, index, 10.0, 1)),
        (Job(b"[[1, 2], [3, 4]]", None, kind), Answer(DIED, b"{}", 0.0, 1)),
    ])  # fmt: skip
    values = values_of(requests, samples)
    assert values["nb_processing_seconds_count",] == 2 + 3 + 5 + 1
    assert values["nb_processing_seconds_sum",] == pytest.approx(0.008 + 0.3 + 10.0)
    assert values["nb_processing_seconds_bucket", ("le", "0.005")] == 1 + 2
    assert values["nb_processing_seconds_bucket", ("le", "0.1")] == 1 + 2 + 3
    assert (values["nb_batch_samples_count",], values["nb_batch_samples_sum",]) == (1 + 3 + 5 + 1, 2 + 3 + 5 + 1)


def test_answers_are_counted_by_value_with_time_and_batch(requests, samples):
    samples.answered([(Job(b"[1, 2]", None), Answer(OK, b'"cat"', 0.0002, 2))])
    samples.answered([(Job(b"[3, 4]", None), Answer(OK, b'"cat"', 0.0002, 0))])
    samples.answered([(Job(b"[5, 6]", None), Answer(FAILED, b"{}", 0.5, 1))])
    values = values_of(requests, samples)
    assert values["nb_predictions_total", ("value", "cat")] == 2
    assert values["nb_processing_seconds_count",] == 3
    assert values["nb_batch_samples_count",] == 2
    assert values["nb_batch_samples_sum",] == 3
    assert values["nb_input_bucket", ("feature", "1"), ("le", "2.0")] == 1
    assert values["nb_input_bucket", ("feature", "1"), ("le", "+Inf")] == 2
    assert ("nb_prediction_values_bucket", ("le", "+Inf")) not in values


@pytest.mark.parametrize(("size", "most"), [(1, metrics.MAX_UNCOUNTED), (metrics.MAX_BYTES_UNCOUNTED, 1)])
def test_what_waits_to_be_counted_is_bounded_in_number_and_bytes(samples, size, most):
    for _ in range(3 * most):
        samples.answered([(Job(b"1" * size, None), Answer(OK, b"1", 0.1, 1))])
        assert len(samples._uncounted) < most
    assert samples.numbers()["values"] == {"1": 3 * most}


def test_fractional_answers_are_a_histogram(requests, samples):
    samples.answered([(Job(b"[1]", None), Answer(OK, b"0.25", 0.1, 1))])
    assert values_of(requests, samples)["nb_prediction_values_bucket", ("le", "0.3")] == 1


def test_samples_of_one_body_are_counted_each(requests, samples):
    samples.answered([(Job(b"[[1, 2], [3, 4]]", None, frames.MANY), Answer(OK, b'["a", "b"]', 0.1, 2))])
    values = values_of(requests, samples)
    assert values["nb_predictions_total", ("value", "b")] == 1
    assert values["nb_input_bucket", ("feature", "0"), ("le", "+Inf")] == 2


def test_answers_are_put_aside_for_feedback_where_it_may_come(requests):
    kept = KeptAnswers(1 << 20)
    plan = types.SimpleNamespace(golden=())
    samples = Samples(
        types.SimpleNamespace(plan=plan, model=types.SimpleNamespace(sample_schema={}, predictors={}, manifest={})),
        None,
        kept,
    )
    samples.answered([(Job(b"[1, 2]", None, frames.SAMPLE, "a"), Answer(OK, b"4"))])
    samples.answered([(Job(b"[1, 2]", None, frames.SAMPLE, "failed"), Answer(FAILED, b"{}"))])
    samples.answered([(Job(b"[[1, 2]]", None, frames.MANY, "many"), Answer(OK, b"[5, 6]"))])
    samples.answered([(Job(b"[1, 2]", None), Answer(OK, b"7"))])
    samples.count()
    assert kept.look([["a", None], ["failed", None], ["many", 1]]) == [[None, 4], ["unknown", None], [None, 6]]
    assert len(kept) == 2


def test_feedback_is_shown_by_what_came_of_it(requests, samples):
    feedback = Feedback(0, ["cat"])
    for answer, true in (("cat", "dog"), ("cat", "cat"), (1.5, 3.5), ("a", 1)):
        feedback.count([[None, None, *judge(answer, true)]])
    values = values_of(requests, samples, feedback=feedback.numbers())
    results = {name: values["nb_feedback_total", ("result", name)] for name in ("agrees", "differs", "unknown")}
    assert results == {"agrees": 1, "differs": 2, "unknown": 0}
    names = ("numbers", "absolute_error", "squared_error")
    assert [values[f"nb_feedback_{name}_total",] for name in names] == [1, 2, 4]
    assert values["nb_feedback_classes_total", ("prediction", "cat"), ("truth", "dog")] == 1


def test_queue_scorers_and_readiness_are_shown_of(requests, samples):
    values = values_of(requests, samples)
    gauges = ("ready", "queue_samples", "in_flight_samples", "scorers")
    assert [values[f"nb_{name}",] for name in gauges] == [1, 3, 4, 2]
    assert values["nb_scorer_restarts_total", ("reason", "recycled")] == 2
    assert values["process_start_time_seconds",] > 0
