"""Requests that are nearly HTTP, as many as are wished for: nothing dies, no 5xx of ours, memory stays flat.

The normal run takes seconds; FUZZ=1000000 asks for that many.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contract.services import SOON, Service
from contract.wire import resident, tree

EXAMPLES = int(os.environ.get("FUZZ", "4000"))
WORKERS = 4
GROWTH_MB = 40
KEY = "a-secret-of-ours"


@pytest.fixture
def noting(model_cache, tmp_path):
    """Return what starts a service whose predictor notes the samples that none of ours is."""
    running = []
    noted = tmp_path / "asked"
    code = f"""
        def predictor(x):
            if type(x) is not int or x < 1 << 32:
                with open({str(noted)!r}, "a") as file:
                    file.write(repr(x) + chr(10))
            return x
        examples = [1 << 40]
    """

    def begin(**settings) -> Service:
        noted.touch()
        limits = {"S2I_MODEL_NAME": "model", "S2I_MAX_BODY": "100000", "S2I_RECEIVE_TIMEOUT": "10"}
        running.append(Service(model_cache(code), **limits, **settings).ready())
        running[-1].noted = noted
        return running[-1]

    yield begin
    for service in running:
        service.close()


def fuzz(service, examples: int, first_seed: int) -> list:
    """Let some processes send that number of requests; return the errors."""
    script = Path(__file__).with_name("mutations.py")
    share = str(examples // WORKERS)
    command = [sys.executable, "-I", str(script), str(service.port)]
    workers = [
        subprocess.Popen([*command, str(first_seed + number), share, KEY], stdout=subprocess.PIPE, text=True)
        for number in range(WORKERS)
    ]
    said = [worker.communicate()[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * WORKERS
    return [wrong for one in said for wrong in json.loads(one)["wrong"]]


def memory(service) -> float:
    """Return the megabytes that all processes of a service have."""
    return sum(resident(pid) for pid in tree(service.process.pid))


def test_no_change_of_a_request_is_a_fault_of_ours(noting):
    service = noting()
    # What is allocated once, for each kind of request.
    assert fuzz(service, 2000, 100) == []
    before = memory(service)
    began = time.monotonic()
    assert fuzz(service, EXAMPLES, 1) == []
    print(f"{EXAMPLES / (time.monotonic() - began):.0f} requests a second")
    assert service.predict(1 << 50) == (200, 1 << 50)
    assert service.status("/healthz") == service.status("/readyz") == service.status("/docs") == 200
    assert memory(service) - before < GROWTH_MB
    assert service.noted.read_text() != ""
    assert "Traceback" not in service.log
    assert "ended" not in service.log
    assert service.stop(seconds=SOON) == 0


def test_no_change_of_a_request_gets_past_the_key(noting, tmp_path):
    (tmp_path / "key").write_text(KEY)
    service = noting(S2I_API_KEY_FILE=str(tmp_path / "key"))
    assert fuzz(service, EXAMPLES // 2, 1000) == []
    assert service.noted.read_text() == ""
    assert "Traceback" not in service.log
