"""How a service starts, gets ready and ends, as process 1 would have it."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contract.services import children, wait_until

NOTEBOOK = """
    import time
    def predictor(x):
        if isinstance(x, dict):
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
TALKATIVE = """
    import sys
    def predictor(x):
        print("said " * 1000)
        print("shouted", file=sys.stderr)
        if x == "raise":
            raise ValueError(x)
        return x
    examples = [1]
"""
THREADS = """
    from concurrent.futures import ThreadPoolExecutor

    class Workers:
        def __init__(self):
            self.pool = ThreadPoolExecutor(2)
            self.pool.submit(int).result()
        def __getstate__(self):
            return {}
        def __setstate__(self, state):
            self.__init__()

    workers = Workers()
    def predictor(x):
        return workers.pool.submit(lambda: x + 1).result()
    examples = [1]
"""


def alive(pid: int) -> bool:
    """Return whether `pid` runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def free_port() -> str:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def test_the_line_at_the_start_says_address_scorers_and_how_they_start(start):
    service = start(NOTEBOOK, {"scorer_start": "fork", "scorer_threads": 1}, OMP_NUM_THREADS="1").ready()
    service.wait_for(r"Serving on http://127\.0\.0\.1:\d+ with 2 scorers by fork \(proved by the golden rows")


def test_an_address_of_ipv6_is_shown_as_urls_have_it(start):
    start(NOTEBOOK, S2I_HOST="::1").wait_for(r"Serving on http://\[::1\]:\d+ ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_service_with_exit_code_0_and_nothing_left(start, number):
    service = start(NOTEBOOK).ready()
    pids = [*children(service.process.pid), *service.scorers]
    assert service.stop(number, seconds=2) == 0
    assert len(pids) == 3
    assert wait_until(lambda: not any(alive(pid) for pid in pids))
    service.close()
    assert "Traceback" not in service.log


def test_sigterm_turns_readiness_off_and_answers_what_is_in_flight(start, in_background):
    service = start(NOTEBOOK).ready()
    in_flight = in_background(service.predict, {"sleep": 1.5})
    time.sleep(0.2)
    service.process.send_signal(signal.SIGTERM)
    service.wait_for("Ending: not ready any more, answering what is in flight")
    assert service.status("/readyz") == 503
    assert service.predict("still taken") == (200, "still taken")
    assert in_flight() == (200, {"sleep": 1.5})
    assert service.process.wait(10) == 0


def test_what_takes_longer_than_the_grace_gets_503(start, in_background):
    service = start(NOTEBOOK, S2I_GRACE="0.5").ready()
    in_flight = in_background(service.predict, {"sleep": 100})
    time.sleep(0.2)
    assert service.stop() == 0
    assert in_flight()[0] == 503


def test_a_second_signal_ends_it_at_once(start, in_background):
    service = start(NOTEBOOK, S2I_GRACE="100").ready()
    in_flight = in_background(service.predict, {"sleep": 100})
    time.sleep(0.2)
    service.process.send_signal(signal.SIGTERM)
    service.wait_for("Ending")
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
    time.sleep(0.2)
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


def test_a_service_is_healthy_and_not_ready_while_the_model_loads(start):
    port = free_port()
    service = start(
        """
        import time
        class Slow:
            def __reduce__(self):
                return time.sleep, (1.5,)
        slow = Slow()
        def predictor(x):
            return slow
        """,
        PORT=port,
    )
    assert wait_until(lambda: healthy(service))
    assert service.status("/readyz") == 503
    status, body, headers = service.ask("1")
    assert (status, headers["Retry-After"]) == (503, "1")
    assert body["detail"] == "No scorer is ready; try again."
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
    assert service.stop(seconds=2) == 0
    assert not any(alive(pid) for pid in pids)


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
    assert service.status("/readyz") == 503
    assert service.status("/healthz") == 200


def test_a_model_that_is_not_deterministic_needs_answers_only(start, model_cache, tmp_path):
    root = copy_of(model_cache(NOTEBOOK, deterministic=False), tmp_path)
    (root / "model" / "golden.ndjson").write_text('{"sample": 1, "answer": 2, "from": "examples"}\n')
    assert start(root).ready().status("/readyz") == 200


def copy_of(root: Path, folder: Path) -> Path:
    """Return a copy of an APP_ROOT that a test may damage."""
    subprocess.run(["cp", "-a", f"{root}/.", str(folder)], check=True)
    return folder


DAMAGES = {
    "model-missing": ("rm model/model.pickle", "does not exist|is missing"),
    "model-damaged": ("printf x >> model/model.pickle", "is not the file that assemble wrote"),
    "model-format-unknown": ("echo '{}' > model/manifest.json", "has format None"),
    "model-python-differs": (
        'sed -i \'s/"python": "3[^"]*"/"python": "2.7"/\' model/manifest.json',
        "saved with Python 2.7",
    ),
}


@pytest.mark.parametrize("code", DAMAGES)
@pytest.mark.parametrize("start_by", ["fork", "spawn"])
def test_a_model_that_can_t_be_served_ends_the_service_with_the_reason_last(
    start, model_cache, tmp_path, code, start_by
):
    root = copy_of(model_cache(NOTEBOOK), tmp_path)
    damage, words = DAMAGES[code]
    subprocess.run(damage, shell=True, cwd=root, check=True)
    service = start(root, S2I_SCORER_START=start_by)
    assert service.process.wait(20) == 1
    service.wait_for(words)
    service.wait_for(rf"\(problem {code}\)\n$")


@pytest.mark.parametrize("start_by", ["fork", "spawn"])
def test_a_model_whose_loading_raises_ends_the_service_with_its_traceback(start, start_by):
    service = start(
        """
        class Bad:
            def __reduce__(self):
                return int, ("no number",)
        bad = Bad()
        def predictor(x):
            return bad
        """,
        S2I_SCORER_START=start_by,
    )
    assert service.process.wait(20) == 1
    service.wait_for("ValueError: invalid literal for int")
    service.wait_for(r"The model can't be loaded(.*\n)+.*\(problem model-load-failed\)\n$")


@pytest.mark.parametrize("start_by", ["fork", "spawn"])
def test_a_model_whose_loading_kills_the_process_ends_the_service(start, start_by):
    service = start(
        """
        import os
        class Deadly:
            def __reduce__(self):
                return os._exit, (7,)
        deadly = Deadly()
        def predictor(x):
            return deadly
        """,
        S2I_SCORER_START=start_by,
    )
    assert service.process.wait(20) == 1
    service.wait_for(
        r"The model did not load: its process ended with exit code 7 while loading\.(.*\n)+.*model-load-failed"
    )


def test_a_port_that_is_taken_is_refused_with_its_number(start):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        service = start(NOTEBOOK, PORT=str(port))
        assert service.process.wait(20) == 1
    service.wait_for(rf"Can't listen on 127\.0\.0\.1 port {port}: Address already in use(.*\n)+.*port-taken")


def test_an_unknown_back_end_is_refused_with_the_list(start):
    service = start(NOTEBOOK, S2I_BACKEND="pigeon")
    assert service.process.wait(20) == 1
    service.wait_for(r"S2I_BACKEND='pigeon' is not a back end(.*\n)+.*these are there: .*http")


def test_a_bad_setting_is_refused_by_name(start):
    service = start(NOTEBOOK, S2I_PREDICT_TIMEOUT="soon")
    assert service.process.wait(20) == 1
    service.wait_for(r"S2I_PREDICT_TIMEOUT='soon' is not a number")


def test_threads_left_by_loading_make_unproved_scorers_spawn(start):
    service = start(THREADS).ready()
    service.wait_for(r"2 scorers by spawn \(no golden row proved it at build time, and loading it left \d threads\)")
    assert service.predict(41) == (200, 42)


def test_a_repository_s_own_modules_may_have_any_name(start, model_cache, tmp_path):
    root = copy_of(model_cache(NOTEBOOK), tmp_path)
    for name in ("json", "socket", "select", "model", "values", "frames", "struct", "asyncio", "queue"):
        (root / "src" / f"{name}.py").write_text("raise RuntimeError('imported a module of the repository')\n")
    for start_by in ("fork", "spawn"):
        service = start(root, S2I_SCORER_START=start_by).ready()
        assert service.predict(5) == (200, 5)
        service.stop()


def test_the_notebook_s_folder_is_where_the_predictor_works_and_imports(start, model_cache, tmp_path):
    code = """
        import os
        def predictor(x):
            import helper
            return [helper.NAME, os.path.basename(os.getcwd())]
    """
    root = copy_of(model_cache(code), tmp_path)
    (root / "src" / "helper.py").write_text("NAME = 'of the repository'\n")
    assert start(root).ready().predict(0) == (200, ["of the repository", "src"])


def test_an_async_predictor_is_awaited(start):
    service = start(
        """
        import asyncio
        async def validator(x):
            return x > 0
        async def predictor(x):
            await asyncio.sleep(0.001)
            return x + 1
        """
    ).ready()
    assert service.predict(1) == (200, 2)
    assert service.predict(-1)[0] == 422


def test_debug_shows_the_traceback_to_the_client(start):
    service = start("def predictor(x): return 1 / x", S2I_DEBUG="1").ready()
    assert "ZeroDivisionError" in service.ask("0")[1]["traceback"]


def test_native_threads_are_limited_unless_the_user_said_otherwise(start):
    code = """
        import os
        def predictor(x):
            return os.environ[x]
    """
    service = start(code, WEB_CONCURRENCY="64", OPENBLAS_NUM_THREADS="3").ready()
    assert service.predict("OMP_NUM_THREADS") == (200, "1")
    assert service.predict("OMP_THREAD_LIMIT") == (200, "1")
    assert service.predict("OPENBLAS_NUM_THREADS") == (200, "3")


def test_a_wrong_word_on_the_command_line_shows_the_usage():
    said = subprocess.run([sys.executable, "-m", "nb_service", "nonsense"], capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (
        2,
        "Usage: python -m nb_service [serve | prove | selftest [--verdict FILE]]\n",
    )


def without_reader() -> int:
    """Return the writing end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("log", [without_reader, lambda: os.open("/dev/full", os.O_WRONLY)], ids=["no reader", "full"])
def test_a_service_that_can_t_write_its_log_lives_on(model_cache, log):
    root = model_cache(TALKATIVE)
    port = free_port()
    writer = log()
    env = {"PATH": os.environ["PATH"], "APP_ROOT": str(root), "PORT": port, "S2I_HOST": "127.0.0.1"}
    process = subprocess.Popen([sys.executable, "-I", "-m", "nb_service"], env=env, stdout=writer, stderr=writer)
    os.close(writer)
    try:
        client = type("Client", (), {"status": lambda self, path: status_of(port, path)})()
        assert wait_until(lambda: ready(client))
        assert [status_of(port, "/predict", body) for body in (b"1", b'"raise"', b"1", b'"raise"', b"1")] == [
            *(200, 500, 200, 500, 200)
        ]
        assert client.status("/readyz") == 200
    finally:
        process.terminate()
    assert process.wait(10) == 0


def ready(client) -> bool:
    """Return whether /readyz says 200 yet."""
    try:
        return client.status("/readyz") == 200
    except ConnectionRefusedError:
        return False


def status_of(port: str, path: str, body: bytes = b"") -> int:
    """Return the status of GET `path`, or of POST with a `body`."""
    with socket.create_connection(("127.0.0.1", int(port)), timeout=10) as client:
        verb = "POST" if body else "GET"
        client.sendall(f"{verb} {path} HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        return int(client.recv(4096)[9:12])
