"""`make run`: build a notebook on this machine and serve it on loopback, without a container engine."""

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

from nb_builder.commands import target
from nb_builder.common import resolve_date
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings
from nb_builder.problems.base import BuildProblem

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
    """Build and serve the notebook named by the one argument: a folder, an .ipynb or a git URL."""
    settings = Settings()
    home = settings.home.resolve()
    app_root = home / "app"
    log = Log()
    # Here and below before the build: nobody wants to wait for it, or for a clone, to read that the port is wrong.
    read_all([PORT], os.environ)
    # A shallow clone does not tell when the notebook itself was committed.
    history = settings.resolve_as_of == resolve_date.AUTO
    with target.repository(arguments[0] if arguments else ".", home / "clone", log, history=history) as (
        folder,
        notebook,
    ):
        environ = {**target.s2i_environment(folder), **os.environ}
        environ.update(NB_BUILDER_HOME=str(home), APP_ROOT=str(app_root), S2I_SRC=str(folder))
        environ.update(target.choice(notebook))
        read_all([PORT], environ)
        built = subprocess.run([DOORWAYS / "assemble"], env=environ)
        if built.returncode:
            target.tell_what_is_above(folder, log)
            sys.exit(built.returncode)
    _serve(app_root, environ, log)


def _serve(app_root: Path, environ: dict[str, str], log: Log) -> None:
    port = _free_port(read_all([PORT], environ)["PORT"], log)
    environ.update(PORT=str(port), S2I_HOST=HOST)
    log.step(f"Starting the service on http://{HOST}:{port}")
    service = subprocess.Popen([DOORWAYS / "run"], env=environ)
    try:
        _wait_until_ready(service, port)
        _ask_once(app_root, f"http://{HOST}:{port}/predict", log)
        service.wait()
    except KeyboardInterrupt:
        # The end that the last line above names, and no failure.
        log.step("Stopping")
    finally:
        # Ctrl-C in a terminal reaches the service too; a signal sent to us alone must be passed on.
        if service.poll() is None:
            service.send_signal(signal.SIGTERM)
        service.wait()
    sys.exit(service.returncode)


def _free_port(first: int, log: Log) -> int:
    """Return `first`, or the next port that nobody listens on; for 0 any."""
    for port in range(first, min(first + 100, 65536)):
        with contextlib.closing(socket.socket()) as probe:
            # As the service does, so that a connection just closed does not block the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
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
        # The service logs each time that it is not ready yet.
        time.sleep(pause)
        pause = min(2 * pause, 1.6)
    sys.exit(service.returncode or 1)


def _ask_once(app_root: Path, url: str, log: Log) -> None:
    """Send the first golden row, print the answer, and the line that does the same."""
    golden = (app_root / paths.MODEL / paths.GOLDEN).read_text(encoding="utf-8").splitlines()
    if not golden:
        log.line(f"     The notebook has no examples; send your own sample as JSON to {url}")
        return
    sample = json.dumps(json.loads(golden[0])["sample"])
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, sample.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            log.step(f"Asked with {sample}, it answers {answer.read().decode()}")
    except urllib.error.HTTPError as refused:
        # Of one that wants a key, say: it serves all the same.
        with refused:
            log.step(f"Asked with {sample}, it answers with status {refused.code}")
    except OSError as wrong:
        log.note(f"asked with {sample}, it does not answer ({wrong}).")
    log.line(f"     curl -d {shlex.quote(sample)} -H 'Content-Type: application/json' {url}")
    log.line("     Ctrl-C ends the service.")
