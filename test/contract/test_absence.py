"""A model that takes long to load, and nobody who has it: not ready, and what comes waits for it."""

import os
import signal

from contract.services import wait_until

# Two seconds at each start of a process that loads it.
NOTEBOOK = """
    import time
    class Slow:
        def __reduce__(self):
            return time.sleep, (2,)
    slow = Slow()
    def predictor(x):
        return x if slow else x
    examples = [1]
"""


def test_while_the_only_scorer_is_replaced_the_service_is_not_ready_and_loses_nothing(start, in_background):
    service = start(NOTEBOOK, WEB_CONCURRENCY="1", S2I_SCORER_START="spawn").ready()
    os.kill(service.scorers[0], signal.SIGKILL)
    service.wait_for(r"Scorer \d+ was killed by signal 9")
    waiting = in_background(service.predict, "waits")
    service.wait_for("No scorer has the model: not ready until one has loaded it.")
    assert service.status("/readyz") == 503
    assert service.status("/healthz") == 200
    assert waiting() == (200, "waits")
    service.wait_for("A scorer is back.")
    assert wait_until(lambda: service.status("/readyz") == 200)


def test_nobody_waits_for_a_scorer_longer_than_a_prediction_may_take(start):
    service = start(NOTEBOOK, WEB_CONCURRENCY="1", S2I_SCORER_START="spawn", S2I_PREDICT_TIMEOUT="0.5").ready()
    os.kill(service.scorers[0], signal.SIGKILL)
    service.wait_for(r"Scorer \d+ was killed by signal 9")
    status, problem, headers = service.ask("1")
    assert (status, problem["detail"]) == (503, "No scorer is ready; try again.")
    assert headers["Retry-After"] == "1"
