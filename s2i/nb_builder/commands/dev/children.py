"""The child processes of `nb-builder dev`: only the parent receives Ctrl-C, and stops them in order."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from pathlib import Path

# Long enough for a build to undo partial work.
PATIENCE_SECONDS = 15.0
# A line may be a cell's traceback.
MAX_LINE = 1 << 24


async def start(
    command: Sequence[str | Path],
    environ: Mapping[str, str],
    *,
    folder: Path | None = None,
    given: bool = False,
    pass_fds: Sequence[int] = (),
) -> Process:
    """Start a program whose stdout and stderr share a pipe; with `given`, its stdin is a pipe, too."""
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
    """Terminate a process, kill it and its group if it doesn't exit, and return its exit status."""
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
    """Kill a process and the rest of its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
