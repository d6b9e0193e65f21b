"""A slow sample delays no other as long as another scorer is idle, not even samples that were sent after it."""

import http.client
import json
import re
import threading

import pytest

from contract.services import JSON, wait_until

NOTEBOOK = """
    import os
    import time

    def answer(x):
        if "until" in x:
            open(x["until"] + ".begun", "w").close()
            while not os.path.exists(x["until"]):
                time.sleep(0.01)
        return x["id"]

    def predictor(x):
        return answer(x)

    def batch_predictor(xs):
        return [answer(x) for x in xs]

    examples = [{"id": 0}]
"""
VERIFIED = {"golden": 1, "batch_predictor": True}


class Client:
    """One sample on its way, over a connection that is open already."""

    def __init__(self, service, sample) -> None:
        self.answer = None
        self._body = json.dumps(sample)
        self._connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        self._connection.connect()
        self._reader = threading.Thread(target=self._read)

    def ask(self) -> None:
        """Send the sample; its answer will be in `answer`."""
        self._connection.request("POST", "/predict", self._body, JSON)
        self._reader.start()

    def _read(self) -> None:
        with self._connection.getresponse() as got:
            self.answer = (got.status, json.loads(got.read()))

    def close(self) -> None:
        """Wait for the answer and close the connection."""
        self._reader.join()
        self._connection.close()


@pytest.mark.parametrize("most", ["1", "64"])
def test_what_was_sent_behind_a_slow_sample_is_answered_before_it(start, tmp_path, most):
    service = start(NOTEBOOK, VERIFIED, S2I_MAX_BATCH=most).ready()
    quick = [Client(service, {"id": n}) for n in range(1, 41)]
    slow = Client(service, {"id": 0, "until": str(tmp_path / "go")})
    # Scorers that were quick are sent many samples ahead.
    assert service.ask(json.dumps([{"id": n} for n in range(500)]), "/predict/batch")[0] == 200
    for n in range(200):
        assert service.predict({"id": n}) == (200, n)
    slow.ask()
    assert wait_until((tmp_path / "go.begun").exists)
    for client in quick:
        client.ask()
    try:
        assert wait_until(lambda: all(client.answer for client in quick))
        assert slow.answer is None
    finally:
        (tmp_path / "go").touch()
        for client in (slow, *quick):
            client.close()
    assert [client.answer for client in (slow, *quick)] == [(200, n) for n in range(41)]


def waiting(service) -> int:
    """Return how many samples have no answer yet."""
    reported = service.ask(None, "/metrics", "GET", {})[1]
    return sum(
        int(float(number)) for number in re.findall(r"^nb_(?:queue|in_flight)_samples (\S+)", reported, re.MULTILINE)
    )


def test_a_batch_with_a_sample_that_hangs_is_ended_long_before_that_sample_s_own_limit(start, tmp_path):
    service = start(NOTEBOOK, VERIFIED, WEB_CONCURRENCY="1", S2I_PREDICT_TIMEOUT="3").ready()
    first = Client(service, {"id": 0, "until": str(tmp_path / "go")})
    batch = [Client(service, {"id": n}) for n in range(1, 9)]
    batch.insert(4, Client(service, {"id": 9, "until": str(tmp_path / "never")}))
    first.ask()
    assert wait_until((tmp_path / "go.begun").exists)
    for client in batch:
        client.ask()
    assert wait_until(lambda: waiting(service) == 10)
    (tmp_path / "go").touch()
    for client in (first, *batch):
        client.close()
    service.wait_for(
        r"samples in one call, which are now scored alone, for more than 0\.75 s \(a quarter of S2I_PREDICT"
    )
    service.wait_for(r"one sample for more than 3 s \(S2I_PREDICT_TIMEOUT\)")
    assert [client.answer[0] for client in (first, *batch)] == [200] * 5 + [504] + [200] * 4
