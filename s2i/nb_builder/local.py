"""`make run`: build a notebook on this machine and serve it on loopback, without a container engine."""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from nb_scorer import layout

from nb_builder.log import Log
from nb_builder.settings import Settings

DOORWAYS = Path(__file__).parents[1] / "bin"
HOST = "127.0.0.1"
FIRST_PORT = 8080
_URL = re.compile(r"^[a-z+]+://|^[\w.-]+@[\w.-]+:|\.git(#.*)?$")


def main(arguments: Sequence[str]) -> None:
    """Build and serve the notebook named by the one argument: a folder, an .ipynb or a git URL."""
    home = Settings().home.resolve()
    app_root = home / "app"
    log = Log()
    with _repository(arguments[0] if arguments else ".", home / "clone", log) as (folder, notebook):
        environ = {**_s2i_environment(folder), **os.environ}
        environ.update(NB_BUILDER_HOME=str(home), APP_ROOT=str(app_root), S2I_SRC=str(folder))
        if notebook:
            environ["S2I_SOURCE_NOTEBOOK"] = notebook
        built = subprocess.run([DOORWAYS / "assemble"], env=environ)
        if built.returncode:
            sys.exit(built.returncode)
    _serve(app_root, environ, log)


@contextlib.contextmanager
def _repository(what: str, clone: Path, log: Log) -> Iterator[tuple[Path, str | None]]:
    """Yield the folder to build and the notebook chosen in it; a clone is removed afterwards."""
    path = Path(what).expanduser()
    if path.exists():
        yield _on_disk(path.resolve())
        return
    if not _URL.search(what):
        sys.exit(f"ERROR: NOTEBOOK={what} is no folder, no .ipynb file and no git URL.")
    log.step(f"Cloning {what}")
    shutil.rmtree(clone, ignore_errors=True)
    try:
        yield _clone(what, clone), None
    finally:
        shutil.rmtree(clone, ignore_errors=True)


def _clone(url: str, clone: Path) -> Path:
    url, _, branch = url.partition("#")
    choice = ["--branch", branch] if branch else []
    if subprocess.run(["git", "clone", "--quiet", "--depth", "1", *choice, "--", url, clone]).returncode:
        sys.exit(f"ERROR: git could not clone {url}; its own words are above.")
    return clone


def _on_disk(path: Path) -> tuple[Path, str | None]:
    """Return the folder of the repository that `path` belongs to, and the notebook if `path` is one."""
    if path.is_dir():
        return path, None
    ask = ["git", "-C", path.parent, "rev-parse", "--show-toplevel"]
    found = subprocess.run(ask, capture_output=True, text=True)
    folder = Path(found.stdout.strip()) if found.returncode == 0 else path.parent
    if folder in (Path.home(), Path("/")):
        sys.exit(
            f"ERROR: {path.name} lies directly in {folder}, and all of that would be copied.\n"
            "  Fix: put the notebook, and the files that it reads, into a folder of its own."
        )
    return folder, str(path.relative_to(folder))


def _s2i_environment(folder: Path) -> dict[str, str]:
    """Return what .s2i/environment sets, read as s2i reads it: NAME=value lines, `#` only at the start."""
    path = folder / ".s2i" / "environment"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}


def _serve(app_root: Path, environ: dict[str, str], log: Log) -> None:
    port = _free_port(int(environ.get("PORT") or FIRST_PORT), log)
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
    """Return `first`, or the next port that nobody listens on."""
    for port in range(first, min(first + 100, 65536)):
        with contextlib.closing(socket.socket()) as probe:
            # As the service does, so that a connection just closed does not block the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                if port != first:
                    log.note(f"port {first} is taken; {port} is used instead.")
                return port
    sys.exit(f"ERROR: no free port from {first} on; set PORT to another one.")


def _wait_until_ready(service: subprocess.Popen, port: int) -> None:
    while service.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=5).close()
            return
        time.sleep(0.05)
    sys.exit(service.returncode or 1)


def _ask_once(app_root: Path, url: str, log: Log) -> None:
    """Send the first golden row, print the answer, and the line that does the same."""
    golden = (app_root / layout.MODEL / layout.GOLDEN).read_text(encoding="utf-8").splitlines()
    if not golden:
        log.line(f"     The notebook has no examples; send your own sample as JSON to {url}")
        return
    sample = json.dumps(json.loads(golden[0])["sample"])
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, sample.encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        log.step(f"Asked with {sample}, it answers {answer.read().decode()}")
    log.line(f"     curl -d {shlex.quote(sample)} -H 'Content-Type: application/json' {url}")
    log.line("     Ctrl-C ends the service.")
