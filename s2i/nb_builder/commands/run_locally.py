"""`nb-builder run` and `batch`: build a notebook on this machine, and serve it or score files, without an engine."""

import argparse
import atexit
import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from nb_scorer.common import paths
from nb_scorer.common.problem import Problem
from nb_scorer.common.settings_table import Knob, number, read_all
from nb_scorer.model import golden_rows
from nb_service.backends.batch import command_line
from nb_service.log import FLUSH_SECONDS, READY
from nb_service.problems import PortTaken

from nb_builder.commands import planned, target
from nb_builder.commands.app_lock import AppLock
from nb_builder.common import resolve_date
from nb_builder.common.log import Log
from nb_builder.common.settings import PROBLEM_FILE, Settings
from nb_builder.problems.build_problem import BuildProblem

# Longer samples and predictions are shortened to this length in printed commands.
MAX_SHOWN = 1000
SHOWN_OF_LONG = 60
DOORWAYS = Path(__file__).parents[2] / "bin"
HOST = "127.0.0.1"
_PARSER = argparse.ArgumentParser(prog="nb_builder local", add_help=False, allow_abbrev=False)
_PARSER.add_argument("target", nargs="?", default=".")
_PARSER.add_argument("--app-root", default="")
_PARSER.add_argument("--json", action="store_true")
_PARSER.add_argument("--yes", action="store_true")
_PARSER.add_argument("--dry-run", action="store_true")
_PARSER.add_argument("--fix", action="store_true")
# For a browser, a page whose host name resolves to HOST (DNS rebinding) has the service's origin. A free port may be
# taken by another process before the service starts.
PORT_TRIES = 5
OWN_NAMES = ("S2I_ALLOWED_HOSTS", "localhost")
PORT = Knob("PORT", number(0, 65535, int), 8080, "Port that `nb-builder run` serves on; 0 picks a free one.")


class NoPortFree(BuildProblem):
    """All ports that were tried are in use."""

    code = "no-port-free"
    what_text = "No port from {first} on is free."
    why_text = "The command tried this port and the hundred after it."
    fix_text = "Set PORT to another port, or to 0 for any free one."


def main(arguments: Sequence[str]) -> None:
    """Build and serve the notebook in the argument: a folder, an .ipynb or a git URL.

    With --json, stdout gets a single line of JSON: the service's address once it is ready, and its first response.
    `--app-root FOLDER` sets where it is built. For a notebook without predictor, a plan is made and shown, with a
    question: --yes accepts it, --dry-run only shows it, --fix writes it to the notebook.
    """
    given = _PARSER.parse_args(arguments)
    answers = Answers("run", _stdout_for_answers()) if given.json else None
    log = Log()
    with answers or contextlib.nullcontext():
        app_root, environ, lock = _build(given, log)
        serve(app_root, environ, log, answers, lock)


class Answers:
    """Writes a single line of JSON to a descriptor: the first response, or why there is none.

    As a context manager, it writes the problem that ended the block before the first response, or only the exit status,
    for example after Ctrl-C.
    """

    def __init__(self, command: str, descriptor: int) -> None:
        self._command = command
        self._descriptor = descriptor
        self._is_given = False
        self._scratch = tempfile.TemporaryDirectory(prefix="nb-problem-")

    def give(self, facts: Mapping[str, object]) -> None:
        """Write the line, unless it was already written."""
        if not self._is_given:
            self._is_given = True
            os.write(self._descriptor, json.dumps(facts).encode() + b"\n")

    def leave(self) -> None:
        """Write nothing more, because another program will."""
        self._is_given = True

    def __enter__(self) -> None:
        # A caller that set a problem file gets the problem there.
        self._file = Path(os.environ.setdefault(PROBLEM_FILE, f"{self._scratch.name}/problem.json"))

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        status, problem = 0, None
        if isinstance(error, Problem):
            status = error.exit_status
            problem = error.as_json()
        elif isinstance(error, KeyboardInterrupt):
            status = 128 + signal.SIGINT
        elif isinstance(error, SystemExit) and isinstance(error.code, int):
            status = error.code
            problem = json.loads(self._file.read_text(encoding="utf-8")) if self._file.is_file() else None
        # Written after the problem's text, which may go to the same stream.
        atexit.register(self.give, {"command": self._command, "exit_status": status, "problem": problem})
        if self._file.parent == Path(self._scratch.name):
            # A later problem must not be written to this folder, which is removed now.
            os.environ.pop(PROBLEM_FILE, None)
        self._scratch.cleanup()


def batch(arguments: Sequence[str]) -> None:
    """Build the notebook in the first argument, and score with it; the other arguments are passed to `batch`.

    Options that `batch` rejects and missing files are reported before anything is built.
    """
    own = 3 if arguments[:1] == ["--app-root"] else 1
    checked = subprocess.run([DOORWAYS / "run", "words", "batch", *arguments[own:]])
    if checked.returncode or {"-h", "--help"} & set(arguments[own:]):
        sys.exit(checked.returncode)
    options = command_line.read(arguments[own:])
    stdout = _stdout_for_answers()
    log = Log()
    report_to = options and options.report_to
    # Build output also goes to stderr, so the report is its last line.
    report = Answers("batch", stdout if report_to == 1 else 2) if report_to else None
    with report or contextlib.nullcontext():
        _, environ, lock = _build(_PARSER.parse_args(arguments[:own]), log)
        if report is not None:
            report.leave()
    os.set_inheritable(lock.descriptor, True)
    log.step("Scoring")
    sys.stdout.flush()
    os.dup2(stdout, sys.stdout.fileno())
    os.close(stdout)
    os.execve(DOORWAYS / "run", [str(DOORWAYS / "run"), "batch", *arguments[own:]], environ)  # noqa: S606 - no shell is needed


def _stdout_for_answers() -> int:
    """Reserve stdout for predictions and return its descriptor; other output goes to stderr."""
    sys.stdout.flush()
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def _build(given: argparse.Namespace, log: Log) -> tuple[Path, dict[str, str], AppLock]:
    """Build the given target; return its APP_ROOT, the environment for its service, and its lock.

    Raises AppInUse if another command holds the lock, and PortTaken if the requested port is in use.
    """
    settings = Settings()
    home = settings.home.resolve()
    app_root = Path(given.app_root).absolute() if given.app_root else home / "app"
    # PORT is checked before the clone, and again before the build, because .s2i/environment may set it, too.
    wanted_port(os.environ)
    # Locked before the clone, which is created next to the folder.
    lock = AppLock(app_root, f"'{given.target}' is being built")
    # A shallow clone may lack the commit that last changed the notebook.
    history = settings.resolve_as_of == resolve_date.AUTO
    with target.repository(given.target, app_root.with_name(f"{app_root.name}-clone"), log, history=history) as (
        folder,
        notebook,
    ):
        environ = target.build_environment(folder, notebook, home, app_root, os.environ)
        target.log_ignored_settings(folder, log)
        wanted_port(environ)
        outcome = planned.Outcome()
        if planned.may_lack_predictor(folder, notebook):
            consent = planned.Consent(given.yes and not given.dry_run, given.dry_run, given.fix)
            outcome = planned.run(given.target, folder, environ, _build_copy, consent, log)
        elif given.dry_run:
            log.line("     Plans are for notebooks without a predictor, so this one gets none. Nothing was run.")
            log.line(f"     To build and serve it: nb-builder run {given.target}")
            outcome = planned.Outcome(0)
        if outcome.status is not None:
            if outcome.status:
                target.log_unused_parents(folder, log)
            sys.exit(outcome.status)
        if outcome.environ:
            return app_root, {**outcome.environ, "S2I_SRC": str(folder)}, lock
        status = _assembled(environ)
        if status:
            target.log_unused_parents(folder, log)
            sys.exit(status)
    return app_root, environ, lock


def _build_copy(_folder: Path, environ: Mapping[str, str]) -> int:
    return _assembled(dict(environ))


def _assembled(environ: dict[str, str]) -> int:
    """Build, and return the exit status; a build stopped with Ctrl-C has already reported that."""
    with subprocess.Popen([DOORWAYS / "assemble"], env=environ) as build:
        try:
            while True:
                with contextlib.suppress(KeyboardInterrupt):
                    return build.wait()
        finally:
            # A signal sent only to this process, such as SIGTERM, must be forwarded to the build.
            if build.poll() is None:
                build.terminate()


def serve(
    app_root: Path, environ: dict[str, str], log: Log, answers: Answers | None = None, lock: AppLock | None = None
) -> None:
    """Serve `app_root` until stopped, and send it one request; raise SystemExit with its exit status.

    `answers` gets the result. The service inherits the `lock`.
    """
    wanted = wanted_port(environ)
    first = wanted or read_all([PORT], environ)["PORT"]
    for tries_left in reversed(range(1 if wanted else PORT_TRIES)):
        _serve_on(wanted or free_port(first, log), app_root, environ, log, answers, lock, may_move=tries_left > 0)
        log.note("another process took that port before the service could; trying the next free one.")


def _serve_on(
    port: int,
    app_root: Path,
    environ: dict[str, str],
    log: Log,
    answers: Answers | None,
    lock: AppLock | None,
    *,
    may_move: bool,
) -> None:
    """Serve on `port` like `serve`; return if it `may_move` and another process has taken the port."""
    environ.update(PORT=str(port), S2I_HOST=HOST)
    environ.setdefault(*OWN_NAMES)
    log.step(f"Starting the service on http://{HOST}:{port}")
    reader, writer = os.pipe()
    passed = [writer]
    if lock is not None:
        lock.note("a service is running", url=f"http://{HOST}:{port}")
        passed.append(lock.descriptor)
    service = subprocess.Popen([DOORWAYS / "run", "serve", READY, str(writer)], env=environ, pass_fds=passed)
    os.close(writer)
    try:
        facts = _first_facts(reader)
        if "port" not in facts:
            status = service.wait()
            if facts.get("port_taken") and may_move:
                return
            sys.exit(status or 1)
        asked = _send_example(app_root, f"http://{HOST}:{port}", log)
        if answers is None:
            log.line("     Press Ctrl-C to stop.")
        else:
            # A program reads this rather than a user at a terminal.
            answers.give(asked)
        service.wait()
    except KeyboardInterrupt:
        # The last line of the log suggests Ctrl-C to stop the service, so this isn't a failure.
        log.step("Stopping")
    finally:
        os.close(reader)
        # Ctrl-C in a terminal reaches the service, too; a signal sent only to this process must be forwarded.
        if service.poll() is None:
            service.send_signal(signal.SIGTERM)
        service.wait()
    sys.exit(service.returncode)


def wanted_port(environ: Mapping[str, str]) -> int:
    """Return the port that PORT sets, 0 for any; raise SettingInvalid, or PortTaken if it is in use."""
    port = read_all([PORT], environ)["PORT"]
    if not environ.get("PORT") or port == 0:
        return 0
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortTaken(HOST, port, error.strerror, "--port or PORT") from error
    return port


def listening(first: int, log: Log, host: str = HOST) -> socket.socket:
    """Return a socket listening on `first` or the next free port; 0 means any port. Raises NoPortFree."""
    for port in range(first, min(first + 100, 65536)):
        sock = socket.socket()
        # The service sets this option, too, so a connection in TIME_WAIT doesn't make the port look taken.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
            # With this option, several sockets may bind the same port, but only one may listen.
            sock.listen()
        except OSError:
            sock.close()
            continue
        if port != first:
            log.note(f"port {first} is in use; using {port} instead.")
        return sock
    raise NoPortFree(first=first)


def free_port(first: int, log: Log) -> int:
    """Return the port that `listening` finds. Another process can take it before the service listens on it."""
    with contextlib.closing(listening(first, log)) as sock:
        return sock.getsockname()[1]


def _first_facts(reader: int) -> dict:
    """Return the facts that a service reports when it is ready or fails to start; {} if it exits first."""
    with open(reader, encoding="utf-8", closefd=False) as lines:
        every = map(json.loads, lines)
        return next((facts for facts in every if "port" in facts or "port_taken" in facts), {})


def _send_example(app_root: Path, address: str, log: Log) -> dict[str, object]:
    """Send the sample of the first golden row; print the prediction, and next steps. Return the response."""
    sample, path = example(app_root)
    url = f"{address}{path}"
    asked: dict[str, object] = {"url": url, "docs": f"{address}/docs"}
    if sample is not None:
        asked["sample"] = json.loads(sample)
        # A prediction that is a file has a form in JSON, too.
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        request = urllib.request.Request(url, sample.encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                answer = response.read().decode()
            asked["answer"] = json.loads(answer)
            log.step(f"Sample request: {shorten(sample)} → {shorten(answer)}")
        except urllib.error.HTTPError as error:
            # The service works all the same; it may require a key, for example.
            with error:
                asked["status"] = error.code
                log.step(f"Sample request: {shorten(sample)} → status {error.code}")
        except OSError as error:
            log.note(f"the sample request {shorten(sample)} failed ({error}).")
        # Wait for this request's log lines, so that the lines below stay visible.
        time.sleep(2 * FLUSH_SECONDS)
    log.line(f"     {how_to_ask(sample, url)}")
    log.line(f"     Try it in a browser: {address}/docs")
    return asked


def example(app_root: Path) -> tuple[str | None, str]:
    """Return (the sample of the model's first golden row as JSON, or None without rows; the path that accepts it)."""
    every = golden_rows.read(app_root / paths.MODEL)
    name = "" if golden_rows.plain(every) else next((row["predictor"] for row in every if "predictor" in row), "")
    rows = golden_rows.plain(every, name)
    return json.dumps(rows[0]["sample"]) if rows else None, f"/predict/{name}" if name else "/predict"


def how_to_ask(sample: str | None, url: str) -> str:
    """Return a command that sends a sample to the service, or a sentence if there is no sample."""
    if sample is None:
        return f"The notebook has no examples; send your own sample as JSON to {url}"
    if len(sample) > MAX_SHOWN:
        is_file = "the file itself, or " if sample.startswith('"data:') else ""
        return f"POST {is_file}JSON such as {shorten(sample)} to {url}"
    return f"curl -d {shlex.quote(sample)} -H 'Content-Type: application/json' {url}"


def shorten(text: str) -> str:
    """Return a text of at most MAX_SHOWN characters: a sample with files would fill the terminal as JSON."""
    return text if len(text) <= MAX_SHOWN else f"{text[:SHOWN_OF_LONG]}… ({len(text):,} characters)"
