"""Runs a command until the kernel exits or is killed, then stops it; the arguments are a folder and the command.

The kernel holds the other end of stdin, which carries no data and is closed when the kernel dies. The command's output
(`answer`, `log`) and exit status (`status`) are written to the folder, which is removed at the end. This is a separate
program, using only the standard library, because a signal for the kernel must not reach the command.
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

# How often the parent is checked, because a child of the kernel may keep stdin open.
SECONDS = 0.2
# How long a service may take to finish requests in flight.
PATIENCE_SECONDS = 30.0


def main(folder: Path, command: Sequence[str]) -> None:
    """Run `command` until it or the kernel exits; then wait for the kernel, and remove `folder`."""
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
    """Stop `process` and its group, like Ctrl-C in a terminal, and kill them if that takes too long."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _lives(kernel: int) -> bool:
    """Return, after a moment, whether the kernel is running and still needs the command."""
    readable, _, _ = select.select([sys.stdin], [], [], SECONDS)
    return not readable and os.getppid() == kernel


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
