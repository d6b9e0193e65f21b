"""The processes of `nb-builder dev`: each out of the reach of Ctrl-C, so that we alone get it and end them in order."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from pathlib import Path

# A build undoes what it has half done.
PATIENCE_SECONDS = 15.0
# A line may be the traceback of a cell.
MAX_LINE = 1 << 24


async def start(
    command: Sequence[str | Path],
    environ: Mapping[str, str],
    *,
    folder: Path | None = None,
    given: bool = False,
    pass_fds: Sequence[int] = (),
) -> Process:
    """Start a program whose stdout and stderr are one pipe; with `given` its stdin is a pipe, too."""
    return await asyncio.create_subprocess_exec(
        *command,
        env=dict(environ),
        cwd=folder,
        stdin=asyncio.subprocess.PIPE if given else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        pass_fds=pass_fds,
        limit=MAX_LINE,
    )


async def end(process: Process, patience: float = PATIENCE_SECONDS) -> int:
    """Ask a process to end, kill it and its group where it does not, and return its exit status."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), patience)
        except asyncio.TimeoutError:
            kill(process)
        except asyncio.CancelledError:
            kill(process)
            raise
    return await process.wait()


def kill(process: Process) -> None:
    """Kill a process and what is left of its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
