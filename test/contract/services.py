"""Real models and real service processes over loopback, as values."""

import http.client
import json
import os
import queue
import re
import signal
import subprocess
import textwrap
import threading
import time
from pathlib import Path

import pytest

import portable
import ports

SOON = 60.0
# RabbitMQ, mosquitto and Kafka take seconds to start, each time, and Kafka is fetched: `make test-bus` asks for them.
EVERY_BROKER = bool(os.environ.get("STORM") or os.environ.get("BROKERS"))
MAKE_MODEL = """\
import linecache, sys
from nb_scorer.kernel import save_model
app_root, repository = sys.argv[1:]
text = sys.stdin.read()
linecache.cache["model.ipynb"] = (len(text), None, text.splitlines(True), "model.ipynb")
namespace = {"__name__": "__main__"}
exec(compile(text, "model.ipynb", "exec"), namespace)
known = dict(save_model.KNOWN_NOTHING, repository=repository or None)
save_model.save(namespace, app_root + "/model", "model.ipynb", [], 1e-6, app_root + "/complaint.json", known)
"""
# The kernel's word for a listening socket.
LISTENING = "0A"
JSON = {"Content-Type": "application/json"}


def make_app_root(app_root: Path, code: str, manifest: dict, repository: str = "") -> Path:
    """Fill `app_root` as assemble does: a model of `code`, loaded by the Python that runs the tests.

    With a `repository`, where the author's own modules would be, a batch form is derived.
    """
    (app_root / "src").mkdir(exist_ok=True)
    (app_root / "venv").symlink_to(Path(portable.python()).parents[1])
    subprocess.run(
        [portable.python(), "-c", MAKE_MODEL, str(app_root), repository],
        input=textwrap.dedent(code).encode(),
        check=True,
        cwd=app_root / "src",
    )
    path = app_root / "model" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **manifest}))
    return app_root


class Service:
    """A running service: its log, its address, and a client for it."""

    def __init__(self, app_root: Path, python: str | Path = "", **env: str) -> None:
        kept = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG", "S2I_FRONT")}
        self.process = subprocess.Popen(
            [python or portable.python(), "-I", "-m", "nb_service"],
            env={
                **kept,
                "APP_ROOT": str(app_root),
                "PORT": "0",
                "S2I_HOST": "127.0.0.1",
                "WEB_CONCURRENCY": "2",
                **env,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._news: queue.Queue = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = int(env.get("PORT") or "0")

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line)
            self._news.put(line)

    @property
    def log(self) -> str:
        """Return all that was logged so far."""
        return "".join(self.lines)

    def wait_for(self, pattern: str, seconds: float = SOON) -> re.Match:
        """Return the first match of `pattern` in the log, however late it comes; marks of scorers left out."""
        until = time.monotonic() + seconds
        while not (found := re.search(pattern, re.sub(r"^\[scorer \d+\] ", "", self.log, flags=re.MULTILINE))):
            try:
                self._news.get(timeout=max(0.01, until - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {pattern!r} in the log:\n{self.log}") from None
        return found

    def ready(self) -> "Service":
        """Wait until it serves; return itself."""
        self.port = int(self.wait_for(r"Serving on http://[^ ]*:(\d+) ")[1])
        return self

    def ask(self, body, path="/predict", method="POST", headers=None):
        """Return (status, decoded JSON, headers) for one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SOON)
        try:
            connection.request(method, path, body, JSON if headers is None else headers)
            answer = connection.getresponse()
            text = answer.read()
            is_json = "json" in answer.headers.get("Content-Type", "")
            return answer.status, json.loads(text) if text and is_json else text.decode() or None, answer.headers
        finally:
            connection.close()

    def predict(self, sample):
        """Return (status, answer) for `sample`."""
        return self.ask(json.dumps(sample))[:2]

    def status(self, path: str) -> int:
        """Return the status of GET `path`."""
        return self.ask(None, path, "GET", {})[0]

    def metric(self, name: str) -> float:
        """Return the number of the first metric whose line begins with `name`."""
        lines = self.ask(None, "/metrics", "GET", {})[1].splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(name))

    def stop(self, number: int = signal.SIGTERM, seconds: float = SOON) -> int:
        """Send a signal; return the exit code, or raise TimeoutExpired after `seconds`."""
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def close(self) -> None:
        """Make sure that nothing is left."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(SOON)
        self.process.stdout.close()

    @property
    def scorers(self) -> list[int]:
        """Return the process ids of the scorers: the children of the front's one child."""
        return [scorer for zygote in children(self.process.pid) for scorer in children(zygote)]


def module_service(code: str, manifest: dict | None = None, kind: type[Service] = Service, **env):
    """Return a fixture: a service of a notebook's code that is ready, the same for all tests of a module."""

    @pytest.fixture(scope="module")
    def service(model_cache):
        running = kind(model_cache(code, **(manifest or {})), **env).ready()
        yield running
        running.close()

    return service


def module_root(code: str):
    """Return a fixture: an APP_ROOT of a notebook's code, in which predictor's batch form is derived."""

    @pytest.fixture(scope="module")
    def root(tmp_path_factory):
        return make_app_root(tmp_path_factory.mktemp("app-root"), code, {}, "/nowhere")

    return root


def service_by_each_front(**env):
    """Return a fixture: a service of the module's `root` that is ready, once for each front."""

    @pytest.fixture(scope="module", params=["asyncio", "waitress"])
    def service(request, root):
        running = Service(root, S2I_FRONT=request.param, **env).ready()
        yield running
        running.close()

    return service


def connections(service) -> int:
    """Return how many clients' connections the service has open."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    # An address ends in its port; a connection that no process has any more has no inode.
    return sum(line[1].endswith(f":{service.port:04X}") and line[3] != LISTENING and line[9] != "0" for line in lines)


def children(pid: int) -> list[int]:
    """Return the process ids of the children of `pid`."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def wait_until(true, seconds: float = SOON, every: float = 0.01) -> bool:
    """Return whether `true()`, which is asked so often, came true in time; `every` is in seconds."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(every)
    return True


def free_port() -> str:
    """Return a free port."""
    return str(ports.free_port())


def copy_of(root: Path, folder: Path) -> Path:
    """Return a copy of an APP_ROOT that a test may damage."""
    subprocess.run(["cp", "-a", f"{root}/.", str(folder)], check=True)
    return folder
