"""`make run` and `make batch`: build a notebook on this machine, and serve it or score files, without an engine."""

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from nb_scorer.common import paths
from nb_scorer.common.settings_table import Knob, number, read_all
from nb_scorer.model import golden_rows

from nb_builder.commands import target
from nb_builder.common import resolve_date
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings
from nb_builder.problems.build_problem import BuildProblem

DOORWAYS = Path(__file__).parents[2] / "bin"
HOST = "127.0.0.1"
PORT = Knob("PORT", number(0, 65535, int), 8080, "Port that `make run` serves on; 0 takes a free one.")


class NoPortFree(BuildProblem):
    """All ports that were tried are taken."""

    code = "no-port-free"
    what_words = "No port from {first} on is free."
    why_words = "The port in PORT was tried, and the hundred after it."
    fix_words = "Set PORT to another one, or to 0 for any that is free."


def main(arguments: Sequence[str]) -> None:
    """Build and serve the notebook that the only argument names: a folder, an .ipynb or a git URL."""
    log = Log()
    serve(*_build(arguments, log), log)


def batch(arguments: Sequence[str]) -> None:
    """Build the notebook that the first argument names, and score with it what the others say to `batch`."""
    # stdout is for answers alone: what a build prints goes to stderr.
    answers = os.dup(sys.stdout.fileno())
    sys.stdout.flush()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    log = Log()
    _, environ = _build(arguments[:1], log)
    log.step("Scoring")
    sys.stdout.flush()
    os.dup2(answers, sys.stdout.fileno())
    os.close(answers)
    os.execve(DOORWAYS / "run", [str(DOORWAYS / "run"), "batch", *arguments[1:]], environ)  # noqa: S606 - no shell is needed


def _build(arguments: Sequence[str], log: Log) -> tuple[Path, dict[str, str]]:
    """Build what the only argument names; return its APP_ROOT, and the environment for a service of it."""
    settings = Settings()
    home = settings.home.resolve()
    app_root = home / "app"
    # Check PORT before the clone, and again before the build: .s2i/environment may set it, too.
    read_all([PORT], os.environ)
    # A shallow clone does not have the commit that last changed the notebook.
    history = settings.resolve_as_of == resolve_date.AUTO
    with target.repository(arguments[0] if arguments else ".", home / "clone", log, history=history) as (
        folder,
        notebook,
    ):
        environ = target.build_environment(folder, notebook, home, app_root, os.environ)
        read_all([PORT], environ)
        completed = subprocess.run([DOORWAYS / "assemble"], env=environ)
        if completed.returncode:
            target.tell_what_is_above(folder, log)
            sys.exit(completed.returncode)
    return app_root, environ


def serve(app_root: Path, environ: dict[str, str], log: Log) -> None:
    """Serve what is in `app_root` until it is stopped, and ask it once; leave by SystemExit with its exit code."""
    port = free_port(read_all([PORT], environ)["PORT"], log)
    environ.update(PORT=str(port), S2I_HOST=HOST)
    log.step(f"Starting the service on http://{HOST}:{port}")
    service = subprocess.Popen([DOORWAYS / "run"], env=environ)
    try:
        _wait_until_ready(service, port)
        _send_example(app_root, f"http://{HOST}:{port}/predict", log)
        service.wait()
    except KeyboardInterrupt:
        # The way to stop that the last line in the log names, so not a failure.
        log.step("Stopping")
    finally:
        # Ctrl-C in a terminal reaches the service, too; a signal sent only to us must be passed on.
        if service.poll() is None:
            service.send_signal(signal.SIGTERM)
        service.wait()
    sys.exit(service.returncode)


def free_port(first: int, log: Log, host: str = HOST) -> int:
    """Return `first`, or the next port after it that is free on `host`; any free port for 0. Raises NoPortFree."""
    for port in range(first, min(first + 100, 65536)):
        with contextlib.closing(socket.socket()) as probe:
            # The service sets it, too; so a connection in TIME_WAIT does not make the port look taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((host, port))
                if first == 0:
                    return probe.getsockname()[1]
                if port != first:
                    log.note(f"port {first} is taken; {port} is used instead.")
                return port
    raise NoPortFree(first=first)


def _wait_until_ready(service: subprocess.Popen, port: int) -> None:
    pause = 0.1
    while service.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=5).close()
            return
        # Back off, since the service logs every request that it is not ready for.
        time.sleep(pause)
        pause = min(2 * pause, 1.6)
    sys.exit(service.returncode or 1)


def _send_example(app_root: Path, url: str, log: Log) -> None:
    """Send the sample of the first golden row; print the answer, and a curl command that does the same."""
    sample = example(app_root)
    if sample is None:
        log.line(f"     {how_to_ask(sample, url)}")
        return
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, sample.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            log.step(f"Asked with {sample}, it answers {response.read().decode()}")
    except urllib.error.HTTPError as error:
        # The service works all the same; it may require a key, for one.
        with error:
            log.step(f"Asked with {sample}, it answers with status {error.code}")
    except OSError as error:
        log.note(f"asked with {sample}, it does not answer ({error}).")
    log.line(f"     {how_to_ask(sample, url)}")
    log.line("     Ctrl-C ends the service.")


def example(app_root: Path) -> str | None:
    """Return the sample of the model's first golden row as JSON, None where it has no row."""
    rows = golden_rows.read(app_root / paths.MODEL)
    return json.dumps(rows[0]["sample"]) if rows else None


def how_to_ask(sample: str | None, url: str) -> str:
    """Return the command that sends a sample to the service, or a sentence where there is none to send."""
    if sample is None:
        return f"The notebook has no examples; send your own sample as JSON to {url}"
    return f"curl -d {shlex.quote(sample)} -H 'Content-Type: application/json' {url}"
