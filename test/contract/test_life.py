"""Start, readiness and shutdown of a service, as process 1 requires them."""

import os
import signal
from pathlib import Path

import pytest

import portable
from contract.notebooks import waiting_for
from contract.services import children, copy_of, free_port, wait_until

NOTEBOOK = """
    import time
    def predictor(x):
        if isinstance(x, dict):
            print("It sleeps.", flush=True)
            time.sleep(x["sleep"])
        return x
    examples = [1]
"""
ENDLESS = """
    import time
    class Slow:
        def __reduce__(self):
            return time.sleep, (1000,)
    slow = Slow()
    def predictor(x):
        return slow
"""


def alive(pid: int) -> bool:
    """Return whether `pid` runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_line_at_the_start_says_address_scorers_and_how_they_start(start):
    service = start(NOTEBOOK, {"scorer_start": "fork", "scorer_threads": 1}, OMP_NUM_THREADS="1").ready()
    forked = r"fork \(verified with the golden rows"
    how = r"spawn \(forked processes can't use" if os.environ.get(portable.VARIABLE) else forked
    service.wait_for(rf"Serving on http://127\.0\.0\.1:\d+ with 2 scorers by {how}")


def test_an_address_of_ipv6_is_shown_as_urls_have_it(start):
    start(NOTEBOOK, S2I_HOST="::1").wait_for(r"Serving on http://\[::1\]:\d+ ")


@pytest.mark.front
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_service_with_exit_code_0_and_nothing_left(start, number):
    service = start(NOTEBOOK).ready()
    pids = [*children(service.process.pid), *service.scorers]
    assert service.stop(number, seconds=8) == 0
    assert len(pids) == 3
    assert wait_until(lambda: not any(alive(pid) for pid in pids))
    service.close()
    assert "Traceback" not in service.log


def test_sigterm_turns_readiness_off_and_answers_what_is_in_flight(start, in_background):
    service = start(NOTEBOOK).ready()
    in_flight = in_background(service.predict, {"sleep": 1.5})
    service.wait_for("It sleeps")
    service.process.send_signal(signal.SIGTERM)
    service.wait_for("Stopping: no longer ready, finishing requests in flight")
    assert service.status("/readyz") == 503
    assert service.predict("still taken") == (200, "still taken")
    assert in_flight() == (200, {"sleep": 1.5})
    assert service.process.wait(10) == 0


def test_what_takes_longer_than_the_grace_gets_503(start, in_background):
    service = start(NOTEBOOK, S2I_GRACE="0.5").ready()
    in_flight = in_background(service.predict, {"sleep": 100})
    service.wait_for("It sleeps")
    assert service.stop() == 0
    assert in_flight()[0] == 503


def test_a_second_signal_ends_it_at_once(start, in_background):
    service = start(NOTEBOOK, S2I_GRACE="100").ready()
    in_flight = in_background(service.predict, {"sleep": 100})
    service.wait_for("It sleeps")
    service.process.send_signal(signal.SIGTERM)
    service.wait_for("Stopping")
    assert service.stop() == 0
    assert in_flight()[0] == 503


def cut_off(service) -> None:
    """Ask for a prediction that never comes because the front goes away."""
    with pytest.raises(OSError, match=r"Connection reset|Remote end closed"):
        service.predict({"sleep": 1000})


@pytest.mark.parametrize("start_by", ["fork", "spawn"])
def test_a_killed_front_leaves_no_process_even_where_a_predictor_hangs(start, in_background, start_by):
    service = start(NOTEBOOK, S2I_SCORER_START=start_by).ready()
    pids = [*children(service.process.pid), *service.scorers]
    hanging = in_background(cut_off, service)
    service.wait_for("It sleeps")
    service.process.kill()
    hanging()
    assert wait_until(lambda: not any(alive(pid) for pid in pids))


def test_what_the_notebook_started_ends_with_its_scorer(start):
    service = start(
        """
        import subprocess
        started = []
        def predictor(x):
            started.append(subprocess.Popen(["sleep", "1000"]))
            return started[-1].pid
        """
    ).ready()
    _, helper = service.predict(0)
    assert alive(helper)
    assert service.stop() == 0
    assert wait_until(lambda: not alive(helper))


def test_a_service_is_healthy_and_not_ready_while_the_model_loads(start, in_background, tmp_path):
    loads = tmp_path / "loads"
    predicts = """
    def predictor(x):
        return slow
    """
    service = start(waiting_for(loads) + predicts, PORT=free_port())
    assert wait_until(lambda: healthy(service))
    assert service.status("/readyz") == 503
    # Who asks already waits for the model.
    answer = in_background(service.ask, "1")
    loads.touch()
    assert answer()[:2] == (200, None)
    assert service.ready().status("/readyz") == 200


def healthy(service) -> bool:
    """Return whether the service answers /healthz yet."""
    try:
        return service.status("/healthz") == 200
    except ConnectionRefusedError:
        return False


def test_a_signal_while_the_model_loads_ends_it_at_once(start):
    service = start(ENDLESS, PORT=free_port())
    assert wait_until(lambda: healthy(service))
    pids = children(service.process.pid)
    assert service.stop(seconds=8) == 0
    assert not any(alive(pid) for pid in pids)


@pytest.mark.front
def test_a_front_killed_while_the_model_loads_leaves_no_process(start):
    port = free_port()
    service = start(ENDLESS, PORT=port)
    assert wait_until(lambda: healthy(service))
    pids = children(service.process.pid)
    service.process.kill()
    assert len(pids) == 1
    assert wait_until(lambda: not any(alive(pid) for pid in pids))


def test_a_wrong_golden_row_keeps_a_service_from_getting_ready(start, model_cache, tmp_path):
    root = copy_of(model_cache(NOTEBOOK), tmp_path)
    (root / "model" / "golden.ndjson").write_text('{"sample": 1, "answer": 2, "from": "examples"}\n')
    service = start(root, PORT=free_port())
    service.wait_for(r"Not ready: golden row 1 \(1\) must give 2 and gave 1\.")
    status, body, _ = service.ask(None, "/readyz", "GET", {})
    assert status == 503
    # What the row has is for the log alone: a health check needs no key.
    assert body["detail"] == (
        "Not ready for predictions. Golden row 1 is not predicted as it was when the model was built; "
        "the log has both predictions."
    )
    assert service.status("/healthz") == 200


def test_a_model_that_is_not_deterministic_needs_answers_only(start, model_cache, tmp_path):
    root = copy_of(model_cache(NOTEBOOK, deterministic=False), tmp_path)
    (root / "model" / "golden.ndjson").write_text('{"sample": 1, "answer": 2, "from": "examples"}\n')
    assert start(root).ready().status("/readyz") == 200
