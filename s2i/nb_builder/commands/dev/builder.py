"""Runs builds one after another, each in a process that was started early and has imported everything."""

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import Process
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from nb_builder.commands.dev import build_process, children

TAIL_LINES = 20
# Rendering a notebook's page takes about a second.
FINISH_SECONDS = 10.0


@dataclass
class Outcome:
    """The result of a build: its exit status, and its log by kind."""

    status: int = 0
    notes: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


class Builder:
    """Keeps a process ready for the next build; `log_file` gets the log of the last one."""

    def __init__(self, environ: dict[str, str], log_file: Path) -> None:
        """Start nothing yet; `environ` is the environment of the waiting processes."""
        self._environ = environ
        self.log_file = log_file
        self._waiting: asyncio.Task[Process] | None = None
        self._finishing: Process | None = None

    def prepare(self) -> None:
        """Start the process for the next build, unless one is waiting."""
        if self._waiting is None:
            self._waiting = asyncio.ensure_future(self._start())

    async def build(
        self, environ: dict[str, str], previous: Path | None, jupyter: Path | None, on_step: Callable[[str], None]
    ) -> Outcome:
        """Build with the settings in `environ`, and return the outcome; `on_step` is called with each step's title.

        Cancellation stops the build, and returns after all its processes have exited.
        """
        await self._finish(kindly=True)
        self.prepare()
        process = self._finishing = await self._take()
        outcome = Outcome()
        try:
            await self._order(process, build_process.order(environ, self.log_file, previous, jupyter))
            if await self._follow(process, outcome, on_step):
                return outcome
        except BaseException:
            await self._finish()
            raise
        outcome.status = await process.wait()
        if outcome.status and not outcome.messages:
            # A traceback means a bug in nb-builder: show the last lines of the build.
            outcome.messages = self.log_file.read_text("utf-8", "replace").splitlines()[-TAIL_LINES:]
        return outcome

    async def close(self) -> None:
        """Stop the waiting process."""
        await self._finish()
        if self._waiting is not None:
            await children.end(await self._take())

    async def _finish(self, *, kindly: bool = False) -> None:
        """Stop the process of the last build; if `kindly`, let it finish its deferred writes."""
        if self._finishing is None:
            return
        if kindly:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._finishing.wait(), FINISH_SECONDS)
        await children.end(self._finishing)
        self._finishing = None

    async def _take(self) -> Process:
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            raise RuntimeError("no process was started")
        return await waiting

    async def _start(self) -> Process:
        command = [sys.executable, "-I", "-u", "-m", "nb_builder", "dev-build"]
        return await children.start(command, self._environ, given=True)

    @staticmethod
    async def _order(process: Process, line: bytes) -> None:
        if process.stdin is None:
            raise RuntimeError("a pipe was asked for")
        process.stdin.write(line)
        await process.stdin.drain()

    @classmethod
    async def _follow(cls, process: Process, outcome: Outcome, on_step: Callable[[str], None]) -> bool:
        """Sort the process's events; return whether one reports that the build is done."""
        if process.stdout is None:
            raise RuntimeError("a pipe was asked for")
        async for line in process.stdout:
            event = cls._event_of(line)
            if "done" in event:
                return True
            if "step" in event:
                on_step(event["step"])
            elif "note" in event:
                outcome.notes.append(event["note"])
            else:
                outcome.messages.append(event["message"])
        return False

    @staticmethod
    def _event_of(line: bytes) -> dict:
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict):
                return event
        # Printed before the process received a job, because it failed to start.
        return {"message": line.decode("utf-8", "replace").rstrip("\n")}
