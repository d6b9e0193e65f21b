"""Run a command until the kernel exits or is killed, then stop it; arguments: a folder, and the command.

The kernel holds the other end of stdin, which says nothing and is closed when the kernel dies. The folder gets what the
command prints (`answer`, `log`) and its exit status (`status`), and is removed at the end. A program of its own, that
needs the standard library alone: a signal for the kernel must not reach what it keeps.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# How often the parent is looked at, for stdin may have been left open by a child of the kernel.
SECONDS = 0.2
# As long as a service has for requests that are under way.
PATIENCE_SECONDS = 30.0


def main(folder: Path, command: Sequence[str]) -> None:
    """Run `command` until it ends or the kernel does; then wait for the kernel, and remove `folder`."""
    kernel = os.getppid()
    try:
        with (folder / "answer").open("wb") as answer, (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=answer, stderr=log, start_new_session=True
            )
        reported = False
        while _lives(kernel):
            if not reported and process.poll() is not None:
                (folder / "status.part").write_text(str(process.returncode), encoding="ascii")
                (folder / "status.part").rename(folder / "status")
                reported = True
        end(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def end(process: subprocess.Popen[bytes]) -> None:
    """End `process` and all of its group, as Ctrl-C in a terminal does, or by force where that takes too long."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _lives(kernel: int) -> bool:
    """Return, after a moment, whether the kernel is there and still wants the command."""
    readable, _, _ = select.select([sys.stdin], [], [], SECONDS)
    return not readable and os.getppid() == kernel


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
