"""A predictor without a batch_predictor: waiting samples share calls of its model, and nothing else."""

import json
import os
import re
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.services import Service, make_app_root
from contract.test_batches import STATUS, ask_all, right
from contract.test_slow import Client

# As of a library: what it does with a row is said in the row.
LIBRARY = """
import os
import time

class Model:
    calls, mind = [], 0

    def predict(self, rows):
        if len(rows) > 1:
            time.sleep(0.002)
        self.calls.append(len(rows))
        for number, deed, seconds in rows:
            time.sleep(seconds)
            if deed == 1:
                os.kill(os.getpid(), 9)
            if deed == 2:
                raise ValueError("of the row of %d" % number)
            if deed == 3:
                Model.mind = 1
        return [number + Model.mind * (len(rows) > 1) for number, _, _ in rows]

    def told(self):
        told, self.calls[:] = list(self.calls), []
        return told
"""
NOTEBOOK = """
    import os
    from a_library import Model

    model = Model()
    deeds = {"kill in the model": 1, "raise in the model": 2, "turn": 3}

    def validator(x):
        return x.get("fail") != "refuse"

    def asked(row):
        return int(model.predict([row])[0])

    def predictor(x):
        fail = x.get("fail")
        if fail == "kill":
            os.kill(os.getpid(), 9)
        if fail == "raise":
            raise ValueError("of this sample")
        if fail == "exit":
            raise SystemExit(3)
        if fail == "odd":
            return object()
        if fail == "fork":
            child = os.fork()
            if child:
                os.waitpid(child, 0)
        answer = asked([x["id"], deeds.get(fail, 0), float(x.get("sleep", 0))])
        return {"pid": os.getpid(), "calls": list(model.calls)} if fail == "calls" else answer

    examples = [{"id": 0}]
"""
PROVED = {"golden": 1, "batching": {"calls": ["model.predict"], "pays_from": 2, "most": 64}}
STATUS.update({"exit": 500, "fork": 200, "raise in the model": 500, "kill in the model": 500, "turn": 200})


def made(folder, code):
    """Return an APP_ROOT with a model of `code` and its batch form."""
    (folder / "src").mkdir()
    (folder / "src" / "a_library.py").write_text(LIBRARY)
    make_app_root(folder, code, {}, repository="/nowhere")
    path = folder / "model" / "manifest.json"
    manifest = json.loads(path.read_text())
    assert manifest["batching"] == {"calls": ["model.predict"]}
    path.write_text(json.dumps({**manifest, **PROVED}))
    return folder


@pytest.fixture(scope="module")
def app_root(tmp_path_factory):
    """Return the APP_ROOT of NOTEBOOK."""
    return made(tmp_path_factory.mktemp("derived"), NOTEBOOK)


@pytest.fixture(scope="module")
def service(app_root):
    """Return a service of NOTEBOOK, the same for all tests that end no batching."""
    running = Service(app_root).ready()
    yield running
    running.close()


def metric(service, name):
    """Return the value of a name in /metrics, as text."""
    return re.search(rf"^{re.escape(name)} (\S+)$", service.ask(None, "/metrics", "GET", {})[1], re.MULTILINE)[1]


def calls_of(service):
    """Return how many rows each call of the model had, of one scorer."""
    return service.predict({"id": 1, "fail": "calls"})[1]["calls"]


def shared_calls(service):
    """Return how many calls were shared, by scorer, of those that answer."""
    reported = [service.predict({"id": 1, "fail": "calls"})[1] for _ in range(20)]
    return {one["pid"]: sum(size > 1 for size in one["calls"]) for one in reported}


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    fails=st.lists(
        st.sampled_from([None] * 8 + ["refuse", "raise", "odd", "exit", "fork", "raise in the model"]),
        min_size=1,
        max_size=80,
    )
)
def test_answers_are_never_mixed_and_a_sample_that_fails_costs_only_itself(service, fails):
    samples = [{"id": number, "fail": fail} for number, fail in enumerate(fails)]
    assert right(samples, ask_all(service, samples))


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    killers=st.sets(st.integers(0, 79), min_size=1, max_size=4), where=st.sampled_from(["kill", "kill in the model"])
)
def test_a_sample_that_kills_its_batch_costs_only_itself(service, killers, where):
    samples = [{"id": number, "fail": where if number in killers else None} for number in range(80)]
    for slow in samples[::9]:
        slow["sleep"] = 0.02
    assert right(samples, ask_all(service, samples))


def test_an_error_in_a_shared_call_is_reported_in_the_words_of_its_own_row(service):
    samples = [{"id": number, "fail": "raise in the model" if number % 3 == 0 else None} for number in range(18)]
    # Each body is one request, so its samples share calls. The first one that fails is reported.
    for first, number in ((3, 3), (4, 6), (7, 9)):
        status, said, _ = service.ask(json.dumps(samples[first:]), "/predict/batch")
        assert (status, said["detail"].startswith(f"Sample {number - first + 1}: ")) == (500, True)
        service.wait_for(rf"ValueError: of the row of {number}\n")
    assert "another exception" not in service.log


def test_what_waits_shares_calls_of_the_model(app_root):
    service = Service(app_root, WEB_CONCURRENCY="1", S2I_MAX_BATCH="8").ready()
    try:
        samples = [{"id": number, "sleep": 0.3 if number == 0 else 0} for number in range(64)]
        assert right(samples, ask_all(service, samples))
        assert 1 < max(calls_of(service)) <= 8
        assert metric(service, 'nb_scoring_form{form="derived"}') == "1.0"
        assert metric(service, "nb_batch_differences_total") == "0.0"
    finally:
        service.close()


def test_who_turns_it_off_has_each_sample_asked_alone(app_root):
    service = Service(app_root, WEB_CONCURRENCY="1", S2I_BATCHING="off").ready()
    try:
        samples = [{"id": number} for number in range(64)]
        assert right(samples, ask_all(service, samples))
        assert service.ask(json.dumps(samples), "/predict/batch")[:2] == (200, list(range(64)))
        assert set(calls_of(service)) == {1}
        assert metric(service, 'nb_scoring_form{form="one by one"}') == "1.0"
    finally:
        service.close()


def test_only_the_sample_that_hangs_is_reported_that_it_took_too_long(app_root):
    service = Service(app_root, WEB_CONCURRENCY="1", S2I_PREDICT_TIMEOUT="3").ready()
    try:
        first = Client(service, {"id": 0, "sleep": 0.5})
        batch = [Client(service, {"id": n}) for n in range(1, 9)]
        batch.insert(4, Client(service, {"id": 9, "sleep": 60}))
        first.ask()
        time.sleep(0.2)
        for client in batch:
            client.ask()
        for client in (first, *batch):
            client.close()
        assert [client.answer[0] for client in (first, *batch)] == [200] * 5 + [504] + [200] * 4
        assert [client.answer[1] for client in batch if client.answer[0] == 200] == list(range(1, 9))
    finally:
        service.close()


def test_a_model_that_changes_its_mind_ends_batching_in_all_scorers_before_an_answer_is_wrong(app_root):
    service = Service(app_root, WEB_CONCURRENCY="2").ready()
    try:
        samples = [{"id": number} for number in range(200)]
        assert right(samples, ask_all(service, samples))
        assert metric(service, 'nb_scoring_form{form="derived"}') == "1.0"
        samples[50]["fail"] = samples[60]["fail"] = "turn"
        for _ in range(3):
            assert right(samples, ask_all(service, samples))
        said = service.wait_for(
            r"Batching was disabled: Model\.predict gave scorer \d+ another result for a sample in a batch "
            r"\(digest ([0-9a-f]{12})\) than alone \(digest ([0-9a-f]{12})\)\. "
            r"Each sample is scored alone from now on\."
        )
        assert said[1] != said[2]
        assert metric(service, "nb_batch_differences_total") in ("1.0", "2.0")
        assert metric(service, 'nb_scoring_form{form="one by one"}') == "1.0"
        before = shared_calls(service)
        assert right(samples, ask_all(service, samples))
        assert service.ask(json.dumps(samples[:40]), "/predict/batch")[:2] == (200, list(range(40)))
        after = shared_calls(service)
        assert {pid: count for pid, count in after.items() if count > before.get(pid, count)} == {}
        # A scorer that starts now asks alone, too.
        for scorer in service.scorers:
            os.kill(scorer, 9)
        samples = [{"id": number, "sleep": 0.001} for number in range(200)]
        assert right(samples, ask_all(service, samples))
        assert {size for _ in range(10) for size in calls_of(service)} == {1}
        assert service.log.count("Batching was disabled") == 1
    finally:
        service.close()


NUMBERS = """
    from a_library import Model
    model = Model()

    def predictor(x: list[float]) -> float:
        if x[0] < 0:
            return float(max(model.told() or [0]))
        return float(model.predict([[x[0], 0, 0]])[0])

    examples = [[1.0, 2.0]]
"""
ROWS = [[float(number), 1.0] for number in range(300)]
ANSWERS = [row[0] for row in ROWS]


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """Return a service of NUMBERS with one scorer."""
    running = Service(made(tmp_path_factory.mktemp("numbers"), NUMBERS), WEB_CONCURRENCY="1").ready()
    yield running
    running.close()


def npy_of(rows):
    """Return rows as numpy saves them."""
    import io

    file = io.BytesIO()
    np.save(file, np.array(rows))
    return file.getvalue()


def text_of(rows, separator):
    """Return rows as lines of text."""
    return "".join(separator.join(map(str, row)) + "\n" for row in rows)


FLAT = [cell for row in ROWS for cell in row]
TENSOR = {"name": "x", "shape": [len(ROWS), 2], "datatype": "FP64", "data": FLAT}
V1, V2 = "/v1/models/model:predict", "/v2/models/model/infer"
FRAME = {"dataframe_split": {"columns": ["a", "b"], "data": ROWS}}
BODIES = {
    "JSON": ("/predict/batch", "application/json", json.dumps(ROWS)),
    "NDJSON": ("/predict/batch", "application/x-ndjson", "".join(json.dumps(row) + "\n" for row in ROWS)),
    "CSV": ("/predict/batch", "text/csv", text_of(ROWS, ",")),
    "npy": ("/predict/batch", "application/x-npy", npy_of(ROWS)),
    "TensorFlow Serving": (V1, "application/json", json.dumps({"instances": ROWS})),
    "TensorFlow Serving, columns": (V1, "application/json", json.dumps({"inputs": ROWS})),
    "V2": (V2, "application/json", json.dumps({"inputs": [TENSOR]})),
    "SageMaker": ("/invocations", "text/csv", text_of(ROWS, ",")),
    "MLflow": ("/invocations", "application/json", json.dumps({"inputs": ROWS})),
}


def values(said):
    """Return the answers in a protocol's response."""
    if isinstance(said, str):
        return [float(line) for line in said.split() if line]
    if isinstance(said, dict) and "outputs" in said and isinstance(said["outputs"][0], dict):
        return said["outputs"][0]["data"]
    return next(iter(said.values())) if isinstance(said, dict) else said


@pytest.mark.parametrize("protocol", BODIES)
def test_many_samples_in_a_body_share_calls_in_every_protocol(numbers, protocol):
    path, kind, body = BODIES[protocol]
    numbers.predict([-1.0, 0.0])
    accept = "text/csv" if kind == "text/csv" and path == "/invocations" else "application/json"
    status, said, _ = numbers.ask(body, path, headers={"Content-Type": kind, "Accept": accept})
    assert status == 200, said
    assert values(said) == ANSWERS
    most = numbers.predict([-1.0, 0.0])[1]
    assert most > 8, most
