"""A model that loads slowly: until a scorer has it, the service is not ready, and requests wait for it."""

import os
import signal

import pytest

from contract.notebooks import waiting_for
from contract.services import wait_until


@pytest.fixture
def loads(tmp_path):
    """Return the file without which no process loads the model of `notebook`; it is there at first."""
    path = tmp_path / "loads"
    path.touch()
    return path


@pytest.fixture
def notebook(loads):
    """Return the code of a model that loads where `loads` is a file, and else waits for it."""
    predicts = """
    def predictor(x):
        return x if slow else x
    examples = [1]
    """
    return waiting_for(loads) + predicts


def test_while_the_only_scorer_is_replaced_the_service_is_not_ready_and_loses_nothing(
    start, in_background, notebook, loads
):
    service = start(notebook, WEB_CONCURRENCY="1", S2I_SCORER_START="spawn").ready()
    loads.unlink()
    os.kill(service.scorers[0], signal.SIGKILL)
    service.wait_for(r"Scorer \d+ was killed by signal 9")
    waiting = in_background(service.predict, "waits")
    service.wait_for("No scorer has the model: not ready until one has loaded it.")
    assert service.status("/readyz") == 503
    assert service.status("/healthz") == 200
    loads.touch()
    assert waiting() == (200, "waits")
    service.wait_for("A scorer is running again.")
    assert wait_until(lambda: service.status("/readyz") == 200)


def test_no_one_waits_for_a_scorer_longer_than_a_prediction_may_take(start, notebook, loads):
    service = start(notebook, WEB_CONCURRENCY="1", S2I_SCORER_START="spawn", S2I_PREDICT_TIMEOUT="0.5").ready()
    loads.unlink()
    os.kill(service.scorers[0], signal.SIGKILL)
    service.wait_for(r"Scorer \d+ was killed by signal 9")
    status, problem, headers = service.ask("1")
    assert (status, problem["detail"]) == (503, "No scorer is ready; try again.")
    assert headers["Retry-After"] == "1"
