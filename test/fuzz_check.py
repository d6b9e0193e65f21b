"""Checks each folder in a folder, in one process; ends with 1 and a traceback for the first that ends with one.

Run by the Python of the build; test/contract/test_hostile_check.py makes the folders. nb-builder's own small programs
run in this process as well, and a script of requirements once for each text: processes took most of the time.
"""

import contextlib
import io
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

from nb_builder.commands import check
from nb_builder.common import programs, syntax_trees
from nb_builder.common.log import Log

# Seconds of CPU for one; a busy machine may take many times as long, but not for ever.
LIMIT = 20
PATIENCE_SECONDS = 600


class TooSlow(BaseException):
    """A check has taken too long; no Exception, which `check` could take for an error of the repository."""


def _stop(number, frame):
    raise TooSlow(signal.Signals(number).name)


def in_this_process(run):
    """Return what stands in for `run`, that of `programs`."""
    known: dict[tuple, tuple] = {}

    def inside(command, **options):
        words = list(map(str, command))
        if "-c" in words:
            given = options.get("input", "")
            key = (*words, given)
            if key not in known:
                printed = io.StringIO()
                with contextlib.redirect_stdout(printed), mock.patch("sys.stdin", io.StringIO(given)):
                    # The program is nb-builder's own; what it reads is not.
                    exec(compile(words[words.index("-c") + 1], "<program>", "exec"), {"__name__": "__main__"})  # noqa: S102
                known[key] = (subprocess.CompletedProcess(words, 0, printed.getvalue(), ""),)
            return known[key][0]
        *before, script, target = words
        key = (*before, Path(script).read_text("utf-8"))
        if key not in known:
            completed = run(command, **options)
            known[key] = completed, Path(target).read_text("utf-8") if Path(target).exists() else None
        completed, emitted = known[key]
        if emitted is not None:
            Path(target).write_text(emitted, "utf-8")
        return completed

    return inside


def main(folder: Path) -> None:
    """Check all; raise the first exception that is not a problem of a repository."""
    sys.setrecursionlimit(syntax_trees.RECURSION_LIMIT)
    slow = []
    programs.run = in_this_process(programs.run)
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, _stop)
    for case in sorted(folder.iterdir()):
        signal.setitimer(signal.ITIMER_PROF, LIMIT)
        signal.alarm(PATIENCE_SECONDS)
        began = time.process_time()
        try:
            with tempfile.TemporaryDirectory() as scratch:
                result = check.examine(case, {}, Path(scratch), Log(io.StringIO()))
                check.show(result, Log(io.StringIO()))
                check.as_object(result, [])
        except BaseException:
            print(f"{case}: seconds of CPU {time.process_time() - began:.1f}")
            for file in sorted(case.rglob("*")):
                if file.is_file():
                    print(file.relative_to(case), ascii(file.read_bytes()[:2000]))
            raise
        slow.append((time.process_time() - began, case.name))
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.alarm(0)
    print(f"{len(slow)} checked, the slowest: {max(slow)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
