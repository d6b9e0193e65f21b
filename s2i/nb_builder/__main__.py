"""Entry point of the build: selects the command, prints problems, and determines the exit status."""

import contextlib
import errno
import gc
import importlib
import json
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from nb_scorer.common.problem import Problem

from nb_builder.commands import run_locally, usage
from nb_builder.common import syntax_trees, workspace
from nb_builder.common.log import Log
from nb_builder.common.settings import PROBLEM_FILE, Settings
from nb_builder.problems import build_problem
from nb_builder.problems.model import DiskFull


def _assemble(arguments: Sequence[str]) -> None:
    with _without_collections():
        from nb_builder.assemble import assemble
        from nb_builder.repository import author_variables

    log = Log()
    if "STI_SCRIPTS_PATH" not in os.environ:
        assemble(Settings(), log)
        return
    # In an image, s2i has set the variables of both the repository and the platform.
    ignored = author_variables.enforce(os.environ)
    if ignored.ignored:
        log.note(ignored.note_of_image)
    settings = Settings()
    assemble(settings, log)
    # Imported only after the cells have run, which could modify it.
    author_variables.record(ignored, settings.app_root)


def _dev_build(arguments: Sequence[str]) -> None:
    with _without_collections():
        from nb_builder.assemble import DevAdditions, assemble
        from nb_builder.commands.dev import build_process

    build_process.main(lambda settings, log, *arguments: assemble(settings, log, DevAdditions(*arguments)))


def _save_artifacts(arguments: Sequence[str]) -> None:
    from nb_builder.incremental import artifacts

    artifacts.save(Settings().app_root, sys.stdout.buffer)


@contextlib.contextmanager
def _without_collections() -> Iterator[None]:
    """Disable garbage collection during the block, and exempt the objects created in it: imported modules stay.

    This makes imports a fifth faster.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _later(module: str, function: str = "main") -> Callable[[Sequence[str]], None]:
    """Return a command whose module is imported when it is called: nbconvert alone takes half a second."""

    def call(arguments: Sequence[str]) -> None:
        with _without_collections():
            loaded = importlib.import_module(f"nb_builder.{module}")
        getattr(loaded, function)(arguments)

    return call


COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    "ab-report": _later("commands.ab_report"),
    "assemble": _assemble,
    "audit": _later("commands.audit"),
    "batch": run_locally.batch,
    "check": _later("commands.check"),
    "dev": _later("commands.dev"),
    "dev-build": _dev_build,
    "diff": _later("commands.diff"),
    "local": run_locally.main,
    "native": _later("native.steps"),
    "new": _later("commands.new"),
    "pull": _later("commands.carry", "pull"),
    "push": _later("commands.carry", "push"),
    "rebuild-check": _later("commands.rebuild_check"),
    "serve": _later("commands.carry", "serve"),
    "usage": lambda arguments: usage.show(),
    "sign": _later("commands.sign"),
    "slim": _later("slim.steps"),
    "save-artifacts": _save_artifacts,
    "verify": _later("commands.verify_files"),
    "zipapp": _later("commands.zipapp"),
}


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the exit status: 0, 1 for a problem, 2 for wrong usage, 130 after Ctrl-C.

    Commands raise their problems; they call sys.exit only for an exit status of their own.
    """
    command, *rest = arguments or [""]
    if command not in COMMANDS:
        print(f"ERROR: there is no command {command!r}; there are: {', '.join(COMMANDS)}")
        return 2
    # This process parses the cells several times, under names that mean nothing to their author. The kernel reports
    # each warning once.
    warnings.simplefilter("ignore", SyntaxWarning)
    sys.setrecursionlimit(syntax_trees.RECURSION_LIMIT)
    signal.signal(signal.SIGTERM, _on_sigterm)
    # A shell starts background jobs with SIGINT ignored, but SIGINT must still stop the build.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # OpenShift runs containers as an arbitrary user of group 0, which must be able to change the files. On a user's own
    # machine, the group may include other people.
    if os.getgid() == workspace.OPENSHIFT_GROUP:
        os.umask(0o002)
    asks_for_help = {"-h", "--help"} & set(rest) and command not in ("ab-report", "check", "batch", "diff", "new")
    try:
        COMMANDS["usage" if asks_for_help else command](rest)
        # Flush now: a failure while the interpreter exits can't be handled here.
        sys.stdout.flush()
    except Problem as problem:
        return _show(problem)
    except OSError as error:
        return _end_of(error)
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
        return 130
    return 0


def _end_of(error: OSError) -> int:
    """Return the exit status for an error that users understand without a traceback; raise any other error."""
    if isinstance(error, BrokenPipeError):
        # The reader closed the pipe, as `head` does. Keep Python's own flush at exit from reporting an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        raise error
    # For a copy, filename2 is the target, which did not fit on the disk.
    return _show(DiskFull(folder=error.filename2 or error.filename or Settings().app_root))


def _show(problem: Problem) -> int:
    """Print a problem, its detail first because users see the end of a log; return the exit status."""
    log = Log(sys.stderr if sys.argv[1:2] == ["save-artifacts"] else sys.stdout)
    detail = getattr(problem, "detail", "")
    if detail:
        log.line(detail)
    log.line(str(problem))
    file = os.environ.get(PROBLEM_FILE)
    if file:
        Path(file).write_text(json.dumps(build_problem.as_object(problem)), encoding="utf-8")
    return problem.exit_status


def _on_sigterm(number: int, frame: object) -> None:
    """Exit with an exception that runs every `finally`, so that a terminated build cleans up."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
