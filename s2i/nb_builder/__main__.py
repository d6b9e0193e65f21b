"""The one door of the build: chooses the command, shows problems, decides the exit status."""

import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence

from nb_scorer.common.problem import Problem

from nb_builder.commands import run_locally, usage
from nb_builder.common import syntax_trees
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings
from nb_builder.incremental import artifacts
from nb_builder.problems.model import DiskFull


def _assemble(arguments: Sequence[str]) -> None:
    # Here and not above: nbconvert takes half a second to import, and `usage` has no need of it.
    from nb_builder.assemble import assemble

    assemble(Settings(), Log())


def _check(arguments: Sequence[str]) -> None:
    from nb_builder.commands import check

    check.main(arguments)


def _audit(arguments: Sequence[str]) -> None:
    from nb_builder.commands import audit

    audit.main(arguments)


def _slim(arguments: Sequence[str]) -> None:
    from nb_builder.slim import steps as slim

    slim.main(arguments)


COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    "assemble": _assemble,
    "audit": _audit,
    "check": _check,
    "local": run_locally.main,
    "usage": lambda arguments: usage.show(),
    "slim": _slim,
    "save-artifacts": lambda arguments: artifacts.save(Settings().app_root, sys.stdout.buffer),
}


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the exit status: 0, 1 for a problem, 2 for a wrong call, 130 after Ctrl-C.

    A command raises its problems, and leaves by itself only where it has a status of its own (sys.exit).
    """
    command, *rest = arguments or [""]
    if command not in COMMANDS:
        print(f"ERROR: there is no command {command!r}; there are: {', '.join(COMMANDS)}")
        return 2
    if {"-h", "--help"} & set(rest) and command != "check":
        usage.show()
        return 0
    sys.setrecursionlimit(syntax_trees.RECURSION_LIMIT)
    signal.signal(signal.SIGTERM, _terminated)
    # A shell that starts us in the background has it ignored; whoever sends it to us means it all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # What OpenShift's group 0 must be able to change is made so from the start.
    os.umask(0o002)
    try:
        COMMANDS[command](rest)
    except Problem as problem:
        return _show(problem)
    except OSError as wrong:
        if wrong.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        # Of a copy, the second name is the one that is written.
        return _show(DiskFull(folder=wrong.filename2 or wrong.filename or Settings().app_root))
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
        return 130
    return 0


def _show(problem: Problem) -> int:
    """Print a problem, its detail first, as the last lines of a log are what a user sees; return the exit status."""
    log = Log(sys.stderr if sys.argv[1:2] == ["save-artifacts"] else sys.stdout)
    detail = getattr(problem, "detail", "")
    if detail:
        log.line(detail)
    log.line(str(problem))
    return problem.exit_status


def _terminated(number: int, frame: object) -> None:
    """Leave through every `finally`: a build that is told to stop cleans up after itself."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
