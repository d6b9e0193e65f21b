"""Feedback, as those send it who learn the truth later."""

import json
import os
import signal
import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from contract.services import wait_until

NUMBERS = """
    def predictor(x):
        return float(x[0]) + x[1]

    examples = [[1, 2], [3.5, 4]]
"""
TOGETHER = """
    def predictor(x):
        return float(x[0]) + x[1]

    def batch_predictor(xs):
        return [float(x[0]) + x[1] for x in xs]

    examples = [[1, 2], [3.5, 4]]
"""
WORDS = """
    def predictor(x):
        return x

    examples = ["cat", "dog"]
"""
NONE = {"counted": 0, "unknown": 0, "repeated": 0, "incomparable": 0}


def send(service, feedback):
    """Return (status, response) of the service to feedback."""
    return service.ask(json.dumps(feedback), "/feedback")[:2]


def predicted(service, sample, **headers):
    """Ask for a prediction; return the id of the request."""
    status, _, got = service.ask(json.dumps(sample), headers={"Content-Type": "application/json", **headers})
    assert status == 200
    return got["X-Request-ID"]


def metrics(service, begin="nb_feedback"):
    """Return {(name, label's value…): number} of the service's metrics of feedback that are not 0."""
    text = service.ask(None, "/metrics", "GET", {})[1]
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(one.name, *one.labels.values()): one.value for one in samples if one.name.startswith(begin) and one.value}


def test_feedback_is_counted_next_to_the_answer_of_its_request(start):
    service = start(NUMBERS).ready()
    right, wrong = predicted(service, [1, 2]), predicted(service, [2, 2.5], **{"X-Request-ID": "order-17"})
    assert wrong == "order-17"
    assert send(service, {"id": right, "answer": 3}) == (200, {**NONE, "counted": 1})
    assert send(service, [{"id": wrong, "answer": 6.5}, {"id": "nobody's", "answer": 1}]) == (
        200,
        {**NONE, "counted": 1, "unknown": 1},
    )
    # Of two for one answer the first counts; of another kind none, until one is.
    assert send(service, {"id": right, "answer": 9}) == (200, {**NONE, "repeated": 1})
    third = predicted(service, [0, 0])
    assert send(service, {"id": third, "answer": "0"}) == (200, {**NONE, "incomparable": 1})
    assert send(service, {"id": third, "answer": 0}) == (200, {**NONE, "counted": 1})
    assert send(service, []) == (200, NONE)
    assert metrics(service) == {
        ("nb_feedback_total", "agrees"): 2,
        ("nb_feedback_total", "differs"): 1,
        ("nb_feedback_total", "unknown"): 1,
        ("nb_feedback_total", "repeated"): 1,
        ("nb_feedback_total", "incomparable"): 1,
        ("nb_feedback_numbers_total",): 3,
        ("nb_feedback_absolute_error_total",): 2,
        ("nb_feedback_squared_error_total",): 4,
    }


# One request to each route that answers: by the front, by the app, as one answer and as several.
ASKED = {
    "one": ("/predict", "[1, 2]", {}),
    "a form": ("/predict", "json_args=%5B1%2C2%5D", {"Content-Type": "application/x-www-form-urlencoded"}),
    "many": ("/predict/batch", "[[1, 2], [3, 4]]", {}),
    "lines": ("/invocations", "1,2\n3,4\n", {"Content-Type": "text/csv"}),
    "instances": ("/v1/models/model:predict", '{"instances": [[1, 2], [3, 4]]}', {}),
    "tensors": (
        "/v2/models/model/infer",
        '{"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP64", "data": [1, 2, 3, 4]}]}',
        {},
    ),
}


@pytest.mark.parametrize("code", [NUMBERS, TOGETHER], ids=["one by one", "together"])
def test_feedback_reaches_answers_of_all_routes(start, code):
    service = start(code).ready()
    expected = 0
    for path, body, headers in ASKED.values():
        status, _, got = service.ask(body, path, headers={"Content-Type": "application/json", **headers})
        assert status == 200
        request_id = got["X-Request-ID"]
        if path == "/predict":
            assert send(service, {"id": request_id, "answer": 3.5}) == (200, {**NONE, "counted": 1})
        else:
            both = [{"id": request_id, "index": place, "answer": 3.5 + 4 * place} for place in (1, 0)]
            assert send(service, [*both, both[0]]) == (200, {**NONE, "counted": 2, "repeated": 1}), path
            assert send(service, {"id": request_id, "index": 2, "answer": 1.5}) == (200, {**NONE, "unknown": 1})
            assert send(service, {"id": request_id, "answer": 1.5}) == (200, {**NONE, "incomparable": 1})
        expected += 1 if path == "/predict" else 2
    assert metrics(service)["nb_feedback_numbers_total",] == expected
    assert metrics(service)["nb_feedback_absolute_error_total",] == expected / 2


def test_behind_a_balancer_the_prediction_comes_along(start):
    service = start(WORDS).ready()
    request_id = predicted(service, "cat")
    feedback = [
        {"id": "of another replica", "prediction": "cat", "answer": "dog"},
        {"prediction": "dog", "answer": "dog"},
        # What the service itself knows goes before what a client says.
        {"id": request_id, "prediction": "dog", "answer": "cat"},
    ]
    assert send(service, feedback) == (200, {**NONE, "counted": 3})
    assert metrics(service, "nb_feedback_classes") == {
        ("nb_feedback_classes_total", "cat", "cat"): 1,
        ("nb_feedback_classes_total", "cat", "dog"): 1,
        ("nb_feedback_classes_total", "dog", "dog"): 1,
    }


def test_two_clients_with_one_id_do_not_get_each_other_s_feedback(start):
    service = start(WORDS).ready()
    for word in ("cat", "dog"):
        predicted(service, word, **{"X-Request-ID": "1"})
    assert send(service, [{"id": "1", "answer": "cat"}, {"id": "1", "answer": "dog"}]) == (200, {**NONE, "unknown": 2})


def test_eight_threads_count_each_answer_once(start):
    service = start(TOGETHER, S2I_MAX_QUEUE="4096").ready()
    answers = 40
    ids = [predicted(service, [number, 0.5]) for number in range(answers)]
    _, _, got = service.ask(json.dumps([[number, 0.5] for number in range(400)]), "/predict/batch")
    many = [{"id": got["X-Request-ID"], "index": place, "answer": place + 0.5} for place in range(400)]
    feedback = [{"id": request_id, "answer": number + 0.5} for number, request_id in enumerate(ids)] + many
    said = []

    def all_of_it():
        said.append(send(service, feedback))

    threads = [threading.Thread(target=all_of_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [status for status, _ in said] == [200] * 8
    assert sum(counts["counted"] for _, counts in said) == len(feedback)
    assert metrics(service)["nb_feedback_total", "agrees"] == len(feedback)
    assert metrics(service)["nb_feedback_total", "repeated"] == 7 * len(feedback)


def test_scorers_and_the_app_may_end_meanwhile(start):
    service = start(NUMBERS, WEB_CONCURRENCY="1").ready()
    request_id = predicted(service, [1, 2])
    # The app, which is started by the first request for it; and all scorers.
    assert send(service, {"prediction": 1, "answer": 1}) == (200, {**NONE, "counted": 1})
    restarts = service.lines.copy()
    for pid in children(service.process.pid):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: "starting another" in service.log and len(service.lines) > len(restarts))
    wait_until(lambda: service.status("/readyz") == 200 and send(service, [])[0] == 200)
    assert send(service, {"id": request_id, "answer": 3}) == (200, {**NONE, "counted": 1})
    assert metrics(service)["nb_feedback_total", "agrees"] == 2


def children(pid):
    """Return the processes that a process has started and that live."""
    listed = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            listed.append(int(name))
    return listed


def test_what_is_too_old_is_unknown(start):
    service = start(WORDS, S2I_FEEDBACK_MEMORY=str(1 << 20)).ready()
    first = predicted(service, "cat")
    for _ in range(40):
        # Each of some 20 kB, which is kept; a larger one than a sixteenth of the memory is not.
        assert service.ask(json.dumps(["c" * 20_000, "d" * 20_000]), "/predict/batch")[0] == 200
    last = predicted(service, "dog")
    large = predicted(service, "x" * (1 << 17))
    feedback = [{"id": request_id, "answer": "cat"} for request_id in (first, large, last)]
    assert send(service, feedback) == (200, {**NONE, "counted": 1, "unknown": 2})


def test_without_memory_only_predictions_count(start):
    service = start(WORDS, S2I_FEEDBACK_MEMORY="0").ready()
    request_id = predicted(service, "cat")
    feedback = [{"id": request_id, "answer": "cat"}, {"id": request_id, "answer": "cat", "prediction": "cat"}]
    assert send(service, feedback) == (200, {**NONE, "counted": 1, "unknown": 1})


def test_no_client_makes_the_metrics_large(start):
    service = start(WORDS).ready()
    for begin in range(0, 4000, 1000):
        feedback = [{"prediction": f"p{number}", "answer": f"t{number}" * 30} for number in range(begin, begin + 1000)]
        assert send(service, feedback)[0] == 200
    table = metrics(service, "nb_feedback_classes")
    assert len(table) <= 21 * 21 and sum(table.values()) == 4000


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        ("", {}, 400, 'The body is empty; send {"id": "…", "answer": …}.'),
        ("{", {}, 400, "The body is not JSON"),
        ("[1]", {}, 400, 'Feedback 1: It is not an object; send {"id": "…", "answer": …}.'),
        ('{"id": "a", "answer": 1, "truth": 1}', {}, 400, 'It has an unknown key "truth"'),
        ("id=a", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "Send feedback as JSON"),
        ("{}", {"Content-Encoding": "br"}, 415, "Bodies compressed with br are not supported"),
        (json.dumps([{"id": "a", "answer": 1}] * 11), {}, 413, "A body may have 10 samples (S2I_MAX_SAMPLES)."),
        pytest.param('"' + "x" * 3000 + '"', {}, 413, "The body is larger than", marks=pytest.mark.front),
    ],
    ids=["empty", "no JSON", "no object", "odd name", "a form", "compressed", "too many", "too large"],
)
def test_what_is_no_feedback_is_rejected(start, body, headers, status, words):
    service = start(WORDS, S2I_MAX_SAMPLES="10", S2I_MAX_BODY="2000").ready()
    got = service.ask(body, "/feedback", headers={"Content-Type": "application/json", **headers})
    assert got[0] == status and words in got[1]["detail"]
    assert got[2]["Content-Type"] == "application/problem+json"
    assert ("nb_feedback_total", "unknown") not in metrics(service)


def test_feedback_needs_the_key_as_predictions_do(start, tmp_path):
    (tmp_path / "keys").write_text("secret\n")
    service = start(WORDS, S2I_API_KEY_FILE=str(tmp_path / "keys")).ready()
    feedback = json.dumps({"prediction": "a", "answer": "b"})
    assert service.ask(feedback, "/feedback")[0] == 401
    key = {"Content-Type": "application/json", "X-API-Key": "secret"}
    assert service.ask(feedback, "/feedback", headers=key)[:2] == (200, {**NONE, "counted": 1})
