"""Runs the s2i scripts on this machine as s2i runs them in a container, and keeps what came of it."""

import functools
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path

from cases import Case, named
from flow import warm
from ports import free_port

ROOT = Path(__file__).parents[2]
BIN = ROOT / "s2i" / "bin"
MARK = "NB_BUILDER_TEST_MARK"
BUILD_LIMIT = 900
START_LIMIT = 60

# A disk that is full soon: a small tmpfs that only assemble and its children see. What assemble
# leaves there is listed before it vanishes with them.
SMALL_DISK = (
    'mount -t tmpfs -o "size=$1" none "$APP_ROOT"; shift; "$@"; status=$?; ls -A "$APP_ROOT"/* >"$LEFT"; exit $status'
)


# Set by the tests that run what s2i runs.
real_scripts = False


@dataclass(frozen=True)
class Build:
    """The result of assemble: exit status, output, the folders under APP_ROOT, processes that stayed."""

    status: int
    stdout: str
    stderr: str
    app_root: Path
    left: list[str]
    processes: list[str]


@dataclass
class Service:
    """The result of the service: (status, body) for each request, its log and its exit status."""

    answers: list[tuple[int, bytes]] = field(default_factory=list)
    log: str = ""
    status: int | None = None
    processes: list[str] = field(default_factory=list)


def environment(case: Case, app_root: Path, src: Path) -> dict[str, str]:
    """Return the variables that assemble and run get: the machine's, `.s2i/environment`, the case's."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("S2I_", "PYTEST_"))}
    home = clean.get("NB_BUILDER_HOME", str(ROOT / ".nb-builder"))
    ours = {"NB_BUILDER_HOME": home, "APP_ROOT": str(app_root), "S2I_SRC": str(src), MARK: uuid.uuid4().hex}
    # Only tests with a mirror of their own download a Python.
    ours["S2I_PYTHON_DOWNLOADS"] = "never"
    return {**clean, **ours, **s2i_environment(src), **case.env}


def s2i_environment(src: Path) -> dict[str, str]:
    """Return what s2i reads from .s2i/environment: trimmed, quotes kept, `#` at a line's start only."""
    file = src / ".s2i" / "environment"
    rows = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    pairs = (row.partition("=") for row in rows if row.strip() and not row.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def place(case: Case, folder: Path) -> tuple[Path, dict[str, str]]:
    """Copy the case's repository below `folder`; return the copy and the variables for the scripts."""
    src = Path(shutil.copytree(case.repo, folder / "upload" / "src", symlinks=True))
    app_root = folder / "app-root"
    app_root.mkdir(exist_ok=True)
    return src, environment(case, app_root, src)


def assemble(case: Case, folder: Path) -> tuple[Build, dict[str, str]]:
    """Build the case below `folder`; return what came of it, and the variables for `run`."""
    _, env = place(case, folder)
    return assemble_with(env, disk=case.disk), env


def build_of(folder: Path, *cells: str, **env: str) -> tuple[Build, dict[str, str]]:
    """Build a repository with a notebook of these code cells, made below `folder`."""
    repo = folder / "repo"
    repo.mkdir()
    (repo / "model.ipynb").write_text(_notebook(cells), encoding="utf-8")
    return assemble(replace(named("ok-pure-python"), repo=repo, env=env), folder)


def _notebook(cells: tuple[str, ...]) -> str:
    empty = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    made = [{**empty, "source": cell} for cell in cells]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 4})


def assemble_with(env: dict[str, str], disk: str = "") -> Build:
    """Run assemble with `env`, if `disk` is given on a disk of that size only.

    Most tests fork it from a process that has imported the builder; with real_scripts, it is the script that s2i runs.
    """
    app_root = Path(env["APP_ROOT"])
    listing = app_root.with_name("left.txt")
    if not disk and not real_scripts:
        done = _server(env["NB_BUILDER_HOME"]).assemble(env, app_root, BUILD_LIMIT)
        return Build(
            done.returncode, done.stdout, done.stderr, app_root, sorted(os.listdir(app_root)), processes_of(env)
        )
    small = [*namespace(), "sh", "-c", SMALL_DISK, "sh", disk] if disk else []
    done = subprocess.run(
        [*small, str(BIN / "assemble")],
        env={**env, "LEFT": str(listing)},
        cwd=app_root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=BUILD_LIMIT,
        check=False,
    )
    left = listing.read_text().split() if disk else sorted(os.listdir(app_root))
    return Build(done.returncode, done.stdout, done.stderr, app_root, left, processes_of(env))


@functools.cache
def _server(home: str) -> warm.Server:
    return warm.Server(Path(home))


def namespace() -> list[str]:
    """Return the command that gives its children mounts of their own."""
    return ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--mount", "--map-root-user"]


def can_mount() -> bool:
    """Return whether this machine lets us mount a small disk."""
    if shutil.which("unshare") is None:
        return False
    mount = [*namespace(), "sh", "-c", "mount -t tmpfs none /mnt"]
    return subprocess.run(mount, capture_output=True, check=False).returncode == 0


def serve(case: Case, env: dict[str, str]) -> Service:
    """Start the service that assemble left, ask it every question of the case, and end it by SIGTERM."""
    service = Service()
    with running(env) as (port, process, log):
        service.answers = [ask(port, body) for body in case.ask]
        process.send_signal(signal.SIGTERM)
        service.status = process.wait(timeout=20)
    service.log = log.read_text(encoding="utf-8")
    service.processes = processes_of(env)
    return service


class running:  # noqa: N801 - reads as `with running(env)`
    """A started service for a `with` block: gives (port, process, path of the log) once it is ready."""

    def __init__(self, env: dict[str, str]):
        self.env = env

    def __enter__(self) -> tuple[int, subprocess.Popen, Path]:
        """Start `run` and wait until it says that it is ready; an AssertionError shows its log."""
        port = free_port()
        handle, name = tempfile.mkstemp(suffix=".log", dir=Path(self.env["APP_ROOT"]).parent)
        self.log = Path(name)
        env = {**self.env, "PORT": str(port), "S2I_HOST": "127.0.0.1"}
        self.process = subprocess.Popen(
            [str(BIN / "run")], env=env, stdin=subprocess.DEVNULL, stdout=handle, stderr=subprocess.STDOUT
        )
        os.close(handle)
        if not self._ready(port):
            self.__exit__()
            raise AssertionError("the service did not get ready:\n" + self.log.read_text(encoding="utf-8"))
        return port, self.process, self.log

    def _ready(self, port: int) -> bool:
        until = time.monotonic() + START_LIMIT
        while time.monotonic() < until and self.process.poll() is None:
            try:
                if ask(port, b"", "GET", "/readyz", seconds=2)[0] == 200:
                    return True
            except OSError:
                # Not listening yet.
                pass
            time.sleep(0.05)
        return False

    def __exit__(self, *_: object) -> None:
        """End the service if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def ask(port: int, body: bytes, method: str = "POST", path: str = "/predict", seconds: float = 90) -> tuple[int, bytes]:
    """Return status and body of one request to the service."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request(method, path, body or None, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def processes_of(env: dict[str, str], patience: float = 3.0) -> list[str]:
    """Return the command lines of processes that still carry this build's mark after `patience` seconds."""
    until = time.monotonic() + patience
    while (found := _marked(env[MARK])) and time.monotonic() < until:
        time.sleep(0.05)
    return found


def _marked(mark: str) -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            # Ended meanwhile, or not ours to read.
            continue
    return [line for line in found if line]
