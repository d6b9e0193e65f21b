"""Bodies of many samples, with a batch_predictor and without: the same answers and the same errors."""

import json
import os
import signal

import pytest

from contract.services import Service, wait_until

ALONE = """
    import os
    import time

    def validator(x):
        return x != "no"

    def predictor(x):
        if x in (-1, "raise"):
            raise KeyError("secret")
        if x == "slow":
            time.sleep(3)
        return {"got": x}

    examples = [1, 2]
"""
TOGETHER = (
    ALONE
    + """
    def batch_predictor(xs):
        return [predictor(x) for x in xs]
"""
)
PATH = "/predict/batch"


@pytest.fixture(scope="module", params=[ALONE, TOGETHER], ids=["alone", "together"])
def service(request, model_cache):
    """Return a service, with and without a batch_predictor."""
    running = Service(model_cache(request.param)).ready()
    yield running
    running.close()


def asked(service, samples, path=PATH, **headers):
    """Return (status, decoded JSON) for a body of these samples."""
    return service.ask(json.dumps(samples), path, headers={"Content-Type": "application/json", **headers})[:2]


@pytest.mark.parametrize("count", [0, 1, 2, 999, 1001, 12_345])
def test_answers_are_in_the_order_of_the_samples_however_many(service, count):
    assert asked(service, list(range(count))) == (200, [{"got": number} for number in range(count)])


def test_each_protocol_gives_the_same_answers(service):
    samples = list(range(1500))
    answers = [{"got": number} for number in samples]
    v1 = asked(service, {"instances": samples}, "/v1/models/model:predict")
    assert v1 == (200, {"predictions": answers})
    tensor = {"name": "x", "shape": [1500], "datatype": "INT64", "data": samples}
    assert asked(service, {"inputs": [tensor]}, "/v2/models/model/infer")[1]["outputs"][0]["data"] == samples
    assert asked(service, {"inputs": samples}, "/invocations") == (200, {"predictions": answers})
    lines = "".join(f"{number}\n" for number in samples)
    csv = service.ask(lines, PATH, headers={"Content-Type": "text/csv", "Accept": "application/json"})
    assert csv[:2] == (200, answers)


@pytest.mark.parametrize(
    ("sample", "status", "words"),
    [
        ("no", 422, "The notebook's validator rejects this sample."),
        ("raise", 422, "The sample does not match what the notebook accepts: it must be a number"),
        (-1, 500, "The notebook's predictor failed"),
    ],
)
@pytest.mark.parametrize("at", [0, 3, 1200, 11_000])
def test_the_sample_that_fails_is_named_by_its_number(service, sample, status, words, at):
    samples = list(range(11_500))
    samples[at] = sample
    got, body = asked(service, samples)
    assert (got, body["detail"].startswith(f"Sample {at + 1}: {words}")) == (status, True)
    assert "secret" not in json.dumps(body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("[1,", "The body is not JSON: "),
        ('{"a": 1}', "The body is not JSON: it is not an array of samples."),
        ("7", "The body is not JSON: it is not an array of samples."),
        ("[NaN, 1]", "NaN is not JSON"),
        ("", "The body is "),
    ],
)
def test_what_is_no_array_is_400(service, body, words):
    status, said, _ = service.ask(body, PATH)
    assert (status, words in said["detail"]) == (400, True)


def test_another_form_is_chosen_by_accept(service):
    status, said, headers = service.ask("[1]", PATH, headers={"Content-Type": "application/json", "Accept": "text/xml"})
    assert (status, said["detail"].startswith("text/xml is not supported")) == (406, True)
    assert headers["X-Model-Name"] == "model"


def test_a_body_has_no_more_samples_than_the_setting_says(start):
    for code in (ALONE, TOGETHER):
        service = start(code, S2I_MAX_SAMPLES="3").ready()
        assert asked(service, [1, 2, 3])[0] == 200
        # Commas within samples are none between them.
        assert asked(service, [[1, 2, 3, 4, 5]])[0] == 200
        assert asked(service, [1, 2, 3, 4])[0] == 413


@pytest.mark.parametrize("code", [ALONE, TOGETHER], ids=["alone", "together"])
def test_a_scorer_that_dies_costs_the_body_it_worked_on_and_no_other(start, in_background, code):
    service = start(code).ready()
    slow = in_background(asked, service, ["slow", 1])
    assert wait_until(lambda: service.metric("nb_in_flight_samples") >= 1)
    others = [in_background(asked, service, list(range(100))) for _ in range(5)]
    # They are answered by the scorer that is awake.
    assert [other()[0] for other in others] == [200] * 5
    for pid in service.scorers:
        os.kill(pid, signal.SIGKILL)
    status, body = slow()
    assert (status, body["detail"].endswith("crashed or was killed.")) == (500, True)
    assert wait_until(lambda: asked(service, [1, 2])[0] == 200)


def test_a_body_that_takes_too_long_is_504_and_the_next_one_is_answered(start):
    for code in (ALONE, TOGETHER):
        service = start(code, S2I_PREDICT_TIMEOUT="0.5").ready()
        status, body = asked(service, [1, "slow"])
        assert (status, body["detail"].endswith("took longer than this service allows.")) == (504, True)
        assert asked(service, [1, 2])[0] == 200


def test_many_bodies_at_once_wait_for_each_other_and_are_answered(start, in_background):
    service = start(ALONE, S2I_MAX_QUEUE="16").ready()
    waiting = [in_background(asked, service, [[number, k] for k in range(50)]) for number in range(12)]
    for number, wait in enumerate(waiting):
        status, answers = wait()
        assert status == 503 or answers == [{"got": [number, k]} for k in range(50)]
    assert asked(service, list(range(50)))[0] == 200


@pytest.mark.parametrize(
    ("hint", "lines", "answers"),
    [
        ("float", b"1\n2.5\n", [1, 2.5]),
        ("str", b"1\n2.5\n", ["1", "2.5"]),
        ("list[float]", b"x,y\n1,2\n", [[1, 2]]),
        ("dict", b"x,y\n1,2\n", [{"x": 1, "y": 2}]),
        ("object", b"1\n2.5\n", [[1], [2.5]]),  # no hint
    ],
)
def test_without_golden_rows_a_type_hint_says_what_a_line_of_csv_becomes(start, hint, lines, answers):
    service = start(f"def predictor(x: {hint}):\n    return x").ready()
    headers = {"Content-Type": "text/csv", "Accept": "application/json"}
    assert service.ask(lines, PATH, headers=headers)[:2] == (200, answers)
