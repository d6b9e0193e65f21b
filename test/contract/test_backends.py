"""The golden samples get the same answers from every back end that there is."""

import json
import os
import subprocess
import sys

import pytest
from nb_service import backends

from contract import clients, zipapps
from contract.archives import archive_of
from contract.batches import batch
from contract.brokers import RedisServer, count_until
from contract.services import SOON, Service

NOTEBOOK = """
    def validator(x):
        return len(x) == 2

    def predictor(x):
        return {"sum": x[0] + x[1], "share": x[0] / 3, "missing": None, "of": [x, "ü"]}

    examples = [[1, 2], [0.1, 0.2], [-1e300, 7], [0, 1e-7], [123456789012345678, 1]]
"""
TOGETHER = NOTEBOOK + "\n    def batch_predictor(xs):\n        return [predictor(x) for x in xs]\n"


def _by_http(root, samples, folder):
    service = Service(root).ready()
    try:
        return [service.predict(sample)[1] for sample in samples]
    finally:
        service.close()


def _by_batch(root, samples, folder):
    given = "".join(json.dumps(sample) + "\n" for sample in samples).encode()
    ran = batch(root, "--keep", "none", given=given)
    assert ran.status == 0, ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


def _by_spark(root, samples, folder):
    # As texts: a column of Spark has one type, and these samples have whole numbers alongside others.
    job = {"schema": "sample string", "rows": [[json.dumps(sample)] for sample in samples]}
    job |= {"archive": str(archive_of(root, folder)), "options": {"as_form": "value"}}
    (folder / "jobs.json").write_text(json.dumps([job]))
    (outcome,) = clients.ask("spark", "score_spark.py", folder / "jobs.json")
    return [json.loads(answer) for _, answer, _ in outcome["rows"]]


def _by_bus(root, samples, folder):
    server = RedisServer(folder).start()
    service = Service(root, **server.settings)
    try:
        service.ready()
        # Of one key, so that answers come in this order.
        server.put([(json.dumps(sample).encode(), {"key": "one"}) for sample in samples])
        assert count_until(server, len(samples), SOON) == (len(samples), 0)
        return [json.loads(message.body) for message in server.everything()]
    finally:
        service.close()
        server.close()


def _by_export(root, samples, folder):
    """Ask the model that was exported, in the environment that it came from."""
    env = {"PATH": os.environ["PATH"], "APP_ROOT": str(root)}
    archive = subprocess.run(
        [sys.executable, "-I", "-m", "nb_service", "model"], env=env, capture_output=True, check=True
    )
    subprocess.run(["tar", "--extract", "--directory", folder], input=archive.stdout, check=True)
    for name in ("src", "venv"):
        (folder / name).symlink_to(root / name)
    return _by_batch(folder, samples, folder)


def _by_zipapp(root, samples, folder):
    file = zipapps.zipapp_of(root, folder, "--with-wheels")
    ran = zipapps.run(file, given="".join(json.dumps(sample) + "\n" for sample in samples).encode())
    assert ran.returncode == 0, ran.stderr.decode()
    return [json.loads(line) for line in ran.stdout.splitlines()]


ASKED = {
    "batch": _by_batch,
    "bus": _by_bus,
    "http": _by_http,
    "model": _by_export,
    "spark-model": _by_spark,
    "zipapp": _by_zipapp,
}
# A Spark of its own takes a minute.
EACH = [pytest.param(name, marks=pytest.mark.long) if name == "spark-model" else name for name in ASKED]
# Their requests are not samples.
UNASKED = {"alerts", "dashboard", "verify"}


def test_each_back_end_is_asked():
    assert sorted(ASKED.keys() | UNASKED) == backends.names()


@pytest.mark.parametrize("code", [NOTEBOOK, TOGETHER], ids=["one by one", "together"])
@pytest.mark.parametrize("name", EACH)
def test_the_golden_samples_get_the_notebook_s_answers_from_every_back_end(name, code, model_cache, tmp_path):
    root = model_cache(code)
    rows = [json.loads(line) for line in (root / "model" / "golden.ndjson").read_text().splitlines()]
    assert len(rows) == 5
    assert ASKED[name](root, [row["sample"] for row in rows], tmp_path) == [row["answer"] for row in rows]
