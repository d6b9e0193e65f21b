"""What a predictor finds around it: folder and modules, threads, an event loop, somewhere to print."""

import os
import socket
import subprocess
import sys
import time

import pytest

from contract.notebooks import ECHO
from contract.services import copy_of, free_port, wait_until

TALKATIVE = """
    import sys
    def predictor(x):
        print("said " * 1000)
        print("shouted", file=sys.stderr)
        if x == "raise":
            raise ValueError(x)
        return x
    examples = [1, "a"]
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


def test_threads_left_by_loading_make_unproved_scorers_spawn(start):
    service = start(THREADS).ready()
    service.wait_for(
        r"2 scorers by spawn \(not verified, because there are no golden rows, and loading it left \d threads\)"
    )
    assert service.predict(41) == (200, 42)


def test_a_repository_s_own_modules_may_have_any_name(start, model_cache, tmp_path):
    root = copy_of(model_cache(ECHO), tmp_path)
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


def without_reader() -> int:
    """Return the writing end of a pipe without a reader."""
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
    """Return whether /readyz returns 200 yet."""
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


@pytest.mark.parametrize("start_by", ["fork", "spawn"])
def test_the_notebook_s_time_limit_for_sockets_is_not_ours(start, start_by):
    state = {"version": 1, "socket_timeout": 0.5}
    service = start("predictor = abs", {"process_state": state}, S2I_SCORER_START=start_by).ready()
    before = service.scorers
    time.sleep(1.5)
    assert service.scorers == before
    assert service.predict(-1) == (200, 1)


def test_a_sample_of_any_depth_ends_no_scorer_of_a_notebook_that_recurses_deeply(start):
    service = start("def predictor(x):\n    return 1", {"process_state": {"version": 1, "recursion_limit": 10**6}})
    service.ready()
    before = service.scorers
    for depth in (1500, 10**5, 10**6):
        for begin, end in ("[]", ('{"a":', "}")):
            status, body, _ = service.ask(begin * depth + "1" + end * depth)
            assert (status, body["detail"]) == (400, "The body is not JSON: it is nested too deeply.")
    assert service.scorers == before
