"""Scorers that have done their share are replaced, and no request is lost or waits for it."""

import pytest

from contract.services import children, wait_until
from contract.test_batches import ask_all

NOTEBOOK = """
    import os
    def predictor(x):
        return {"id": x["id"], "pid": os.getpid()}
    examples = []
"""


@pytest.mark.parametrize("start_by", ["fork", "spawn"])
@pytest.mark.parametrize("scorers", ["1", "2"])
def test_scorers_are_replaced_after_their_share_and_every_request_is_answered(start, start_by, scorers):
    service = start(NOTEBOOK, WEB_CONCURRENCY=scorers, S2I_SCORER_START=start_by, S2I_MAX_REQUESTS="100").ready()
    pids = set()
    for turn in range(10):
        answers = ask_all(service, [{"id": n} for n in range(100)])
        assert [(status, answer["id"]) for status, answer in answers] == [(200, n) for n in range(100)]
        pids |= {answer["pid"] for _, answer in answers}
        if turn > 1:
            service.wait_for(r"Scorer \d+ is replaced after \d+ samples \(S2I_MAX_REQUESTS\)")
    assert len(pids) > int(scorers)
    assert wait_until(lambda: len(service.scorers) == int(scorers))
    assert "was killed" not in service.log
    assert service.status("/readyz") == 200


def test_scorers_live_on_without_the_setting(start):
    service = start(NOTEBOOK).ready()
    before = service.scorers
    assert {status for status, _ in ask_all(service, [{"id": n} for n in range(500)])} == {200}
    assert service.scorers == before
    # One zygote; the app, where the front has had time to start it, has no children.
    assert len([child for child in children(service.process.pid) if children(child)]) == 1
