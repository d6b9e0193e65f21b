"""Drift, as those see it who watch a service: its page, its metrics, its log and the lines at the end of a batch."""

import io
import json
import random
import re

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from contract import clients
from contract.batches import batch
from contract.notebooks import LISTS
from contract.services import copy_of, wait_until
from contract.test_bus import SUMS, RedisServer
from contract.test_grpc import GrpcService

NOTEBOOK = """
    import random
    chance = random.Random(1)
    baseline = [
        {"age": chance.gauss(40, 10), "<b>city</b>": chance.choice(["Oslo", "Rome"]), "photo": "QUFB" * 200}
        for _ in range(2000)
    ]

    def predictor(x):
        return "old" if x["age"] > 50 else "young"

    examples = [dict(baseline[0]), dict(baseline[1])]
"""
NUMBERS = """
    import random
    chance = random.Random(2)
    baseline = [[chance.gauss(0, 1), chance.random()] for _ in range(2000)]

    def predictor(x):
        return x[0] * 2

    examples = [[0.5, 0.5]]
"""
AS_JSON = {"Accept": "application/json"}


def person(chance, shift=0.0):
    """Return a sample as NOTEBOOK has them, but for `shift` years."""
    return {"age": chance.gauss(40 + shift, 10), "<b>city</b>": chance.choice(["Oslo", "Rome"]), "photo": "QUFB"}


def drift(service):
    """Return /drift as a program reads it."""
    return service.ask(None, "/drift", "GET", AS_JSON)[1]


def drifted(service):
    """Return the names of the features that have drifted."""
    return [(one["part"], one["name"]) for one in drift(service)["features"] if one["drifted"]]


def ask_all(service, samples):
    """Ask for all samples in one body."""
    assert service.ask(json.dumps(samples), "/predict/batch")[0] == 200


@pytest.mark.front
def test_a_planted_drift_is_found_within_two_thousand_samples_and_none_before(start):
    service = start(NOTEBOOK).ready()
    service.wait_for(r"Watching for drift against 2,000 rows of baseline, 2 features and the answer; 1 not compared\.")
    chance = random.Random(5)
    for sample in (person(chance) for _ in range(300)):
        assert service.predict(sample)[0] == 200
    for _ in range(10):
        ask_all(service, [person(chance) for _ in range(300)])
        assert drifted(service) == []
    for _ in range(4):
        ask_all(service, [person(chance, shift=8) for _ in range(500)])
    assert drifted(service) == [("sample", "age"), ("answer", "value")]
    assert drift(service)["not_compared"] == [
        {
            "part": "sample",
            "name": "photo",
            "why": "its strings are encoded data, such as images in base64",
        }
    ]


def test_the_page_draws_both_side_by_side_without_a_script(start):
    service = start(NOTEBOOK).ready()
    chance = random.Random(6)
    ask_all(service, [person(chance, shift=30) for _ in range(1000)])
    status, page, headers = service.ask(None, "/drift", "GET", {"Accept": "text/html"})
    assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<script" not in page and "default-src 'none'" in headers["Content-Security-Policy"]
    assert "&lt;b&gt;city&lt;/b&gt;" in page and "<b>city" not in page
    assert "2 of 3 features have drifted." in page
    assert "1,000 samples of the last" in page and "of this replica alone" in page
    assert re.search(r'<th scope="row">= Oslo</th><td>\d\d\.\d %<span class="bar" style="width:\d\d\.\d%">', page)
    assert "photo of the sample: its strings are encoded data, such as images in base64." in page
    # What has drifted comes first.
    assert page.index(">age of the sample<") < page.index("city&lt;/b&gt; of the sample<")
    assert '<a href="./drift">Drift</a>' in service.ask(None, "/docs", "GET", {})[1]


def metrics(service):
    """Return {(name, labels): value} of the service's metrics of drift."""
    text = service.ask(None, "/metrics", "GET", {})[1]
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {
        (
            sample.name,
            *(sample.labels[name] for name in ("part", "feature", "bin") if name in sample.labels),
        ): sample.value
        for sample in samples
        if sample.name.startswith("nb_drift_")
    }


def npy(array):
    """Return an array as a body of npy."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_metrics_count_each_sample_once_in_whatever_form_it_comes(start):
    service = start(NUMBERS).ready()
    rows = [[-5.0, 0.5]] * 3
    service.predict([-5.0, 0.5])
    service.ask(json.dumps(rows), "/predict/batch")
    service.ask("-5.0,0.5\n-5.0,0.5\n", "/invocations", headers={"Content-Type": "text/csv"})
    service.ask(npy(np.array(rows)), "/predict/batch", headers={"Content-Type": "application/x-npy", **AS_JSON})
    service.ask(json.dumps({"instances": rows}), "/v1/models/model:predict")
    service.ask("[1, 2, {", "/predict")
    service.ask('["text", null]', "/predict")
    shown = metrics(service)
    lowest = min(name[3] for name in shown if name[0] == "nb_drift_samples_total" and name[2] == "0" and shown[name])
    assert shown["nb_drift_samples_total", "sample", "0", lowest] == 12
    of_first = [value for name, value in shown.items() if name[:3] == ("nb_drift_samples_total", "sample", "0")]
    assert sum(of_first) == 13 and shown["nb_drift_samples_total", "sample", "0", "other"] == 1
    rows_kept = [value for name, value in shown.items() if name[:3] == ("nb_drift_baseline_rows", "sample", "0")]
    assert sum(rows_kept) == 2000
    up_to = [value for name, value in shown.items() if name[:3] == ("nb_drift_samples_up_to_total", "sample", "0")]
    assert up_to == [12.0] * (len(of_first) - 2) + [13.0] * 2
    assert shown["nb_drift_found", "sample", "0"] == 0 and ("nb_drift_psi", "sample", "0") not in shown
    assert shown["nb_drift_psi_critical", "sample", "0"] > 40


def test_gauges_are_those_of_the_page(start):
    service = start(NUMBERS).ready()
    service.ask(json.dumps([[3.0, number / 500] for number in range(500)]), "/predict/batch")
    shown, reported = (
        metrics(service),
        {one["name"]: one for one in drift(service)["features"] if one["part"] == "sample"},
    )
    for name in ("psi", "psi_limit", "ks", "ks_limit"):
        assert shown[f"nb_drift_{name}", "sample", "0"] == pytest.approx(reported["0"][name])
    assert [shown["nb_drift_found", "sample", name] for name in ("0", "1")] == [1, 0]


def test_a_key_protects_the_page_as_all_others(start, tmp_path):
    (tmp_path / "key").write_text("secret\n")
    service = start(NUMBERS, S2I_API_KEY_FILE=str(tmp_path / "key")).ready()
    assert service.ask(None, "/drift", "GET", AS_JSON)[0] == 401
    assert service.ask(None, "/drift", "GET", {**AS_JSON, "X-API-Key": "secret"})[0] == 200


def test_it_can_be_switched_off(start):
    service = start(NUMBERS, S2I_DRIFT="off").ready()
    service.wait_for(r"Not watching for drift: S2I_DRIFT=off\.")
    service.predict([1.0, 2.0])
    assert metrics(service) == {}
    assert drift(service) == {"baseline": None, "why": "The service was started with S2I_DRIFT=off."}
    assert "The service was started with S2I_DRIFT=off." in service.ask(None, "/drift", "GET", {})[1]


def test_a_model_without_a_baseline_says_what_to_do(start):
    service = start("def predictor(x):\n    return x\nexamples = [1, 2]").ready()
    assert "drift" not in service.log and metrics(service) == {}
    page = service.ask(None, "/drift", "GET", {})[1]
    assert "The model has no baseline (examples: it has 2 rows, and 30 are needed)." in page
    assert "<pre>baseline = X_train</pre>" in page


def test_a_baseline_that_was_cut_off_ends_the_start_in_words(start, model_cache, tmp_path):
    root = copy_of(model_cache(NUMBERS), tmp_path)
    (root / "model/baseline.json").write_text('{"rows": ')
    service = start(root)
    service.wait_for(r"baseline\.json has changed since the build")
    assert service.process.wait(20) != 0


def test_a_batch_says_at_its_end_what_has_drifted(model_cache):
    chance = random.Random(7)
    moved = "".join(f"{chance.gauss(2, 1)},{chance.random()}\n" for _ in range(2000)).encode()
    ran = batch(model_cache(NUMBERS), "--header", "no", "--json", given=moved)
    said = [line for line in ran.err.splitlines() if "Drift: " in line]
    assert len(said) == 2 and "Drift: 0 of the sample differs from the baseline (PSI " in said[0]
    (report,) = [line for line in ran.err.splitlines() if line.startswith('{"rows_in"')]
    assert len(json.loads(report)["drift"]) == 2
    steady = "".join(f"{chance.gauss(0, 1)},{chance.random()}\n" for _ in range(2000)).encode()
    ran = batch(model_cache(NUMBERS), "--header", "no", given=steady)
    assert "Drift: none in 3 features of 2000 samples." in ran.err
    assert "Drift" not in batch(model_cache(NUMBERS), "--header", "no", given=steady, S2I_DRIFT="off").err


def test_samples_of_grpc_count(model_cache):
    code = LISTS + "\n    baseline = [[number, number + 1] for number in range(100)]\n"
    service = GrpcService(model_cache(code), S2I_MODEL_NAME="adder")
    try:
        service.ready()
        clients.ask("kserve", "ask_kserve_grpc.py", service.grpc, "adder")
        assert drift(service)["present"]["samples"] == 4
    finally:
        service.close()


def test_samples_of_a_bus_count(start, tmp_path):
    broker = RedisServer(tmp_path).start()
    try:
        code = SUMS + "\n    baseline = [[number, number + 1] for number in range(100)]\n"
        service = start(code, **broker.settings).ready()
        service.wait_for("taking samples")
        broker.put([(b"[1, 2]", {}), (b"[3, 4]", {}), (b"[1]", {})])
        assert wait_until(lambda: drift(service)["present"]["samples"] == 2)
    finally:
        broker.close()
