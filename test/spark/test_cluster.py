"""A real cluster scores every row once, also where one of its executors is killed."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from contract import clients
from contract.archives import archive_of
from contract.services import make_app_root, wait_until
from spark.cluster import cluster

ROWS = 60000
CODE = """
    import time

    def predictor(x):
        time.sleep(0.0002)
        return x[0] + float(x[1])

    examples = [[1, 2.5], [3, 4]]
"""
LIMIT = 900


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """Return what the driver printed, and the folder of the cluster."""
    python = clients.python_of("spark")
    folder = tmp_path_factory.mktemp("cluster")
    root = folder / "root"
    root.mkdir()
    archive = archive_of(make_app_root(root, CODE, {}), folder / "archive")
    with cluster(python, folder) as master:
        program = Path(__file__).parent / "kill_executor.py"
        command = [python, "-I", program, master, archive, str(ROWS), folder / "answers", folder]
        environ = {**os.environ, "PYSPARK_PYTHON": str(python), "SPARK_LOCAL_IP": "127.0.0.1"}
        ran = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, env=environ)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(ran.stdout.strip().splitlines()[-1]), folder


def test_every_row_is_there_once_with_its_answer_though_an_executor_was_killed(ended):
    facts, _ = ended
    assert facts["killed"]["executors"] == 2
    assert 4 <= facts["killed"]["after"] < 16
    assert (facts["rows"], facts["ids"], facts["right"]) == (ROWS, ROWS, ROWS)


def test_no_process_outlives_the_application(ended):
    _, folder = ended
    assert wait_until(lambda: not _left(folder)), _left(folder)
    time.sleep(0.1)
    assert not _left(folder)


def _left(folder) -> list[str]:
    """Return the command lines of processes that have a word of the cluster's folder in them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words:
            found.append(words)
    return found
