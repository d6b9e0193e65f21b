"""Runs the service of one build: starts it next to the previous one, and stops it when it gets no more requests."""

import asyncio
import contextlib
import json
import os
from asyncio.subprocess import Process
from collections.abc import Callable
from pathlib import Path

from nb_scorer.common.problem import Problem
from nb_service.log import FACTS
from nb_service.settings import Settings

from nb_builder.commands.dev import children

RUN = Path(__file__).parents[3] / "bin" / "run"
HOST = "127.0.0.1"
TAIL_LINES = 20
# How long a service may take to stop, in addition to its grace period.
SPARE_SECONDS = 5.0
# The log line with which a service announces that it is ready; `nb-builder dev` prints its own instead.
READY = "Serving on "


class NotServed(Exception):
    """A service that failed to start; the text is its output."""


class Service:
    """A running service: its port and its exit status."""

    def __init__(self, process: Process, on_message: Callable[[str], None], log_file: Path, grace: float) -> None:
        """Store the process, the callback for log messages, the log file, and the service's S2I_GRACE."""
        self._process = process
        self._on_message = on_message
        self._log_file = log_file
        self._patience = grace + SPARE_SECONDS
        self._tail: list[str] = []
        self.port = 0
        # Log output during start and stop is hidden unless something fails.
        self.has_responded = False
        self._reading = asyncio.ensure_future(self._read())

    @classmethod
    async def started(
        cls, app_root: Path, environ: dict[str, str], on_message: Callable[[str], None], log_file: Path
    ) -> "Service":
        """Start a service of `app_root` and return it once it is ready; raise NotServed if it fails."""
        environ = _environ(environ, app_root)
        try:
            grace = Settings(environ).grace
        except Problem as problem:
            raise NotServed(str(problem)) from None
        reader, writer = os.pipe()
        try:
            process = await children.start([RUN, "serve", FACTS, str(writer)], environ, pass_fds=[writer])
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        service = cls(process, on_message, log_file, grace)
        try:
            await service._become_ready(reader)
        except BaseException:
            await service.end()
            raise
        return service

    async def _become_ready(self, reader: int) -> None:
        # Facts arrive as JSON through a descriptor; the port is one of them once the service is ready.
        facts = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(facts), os.fdopen(reader, "rb", buffering=0)
        )
        try:
            reported = json.loads(await facts.readline() or "{}")
        finally:
            transport.close()
        if "port" not in reported:
            await children.end(self._process)
            await self._reading
            raise NotServed(reported.get("unfit") or "\n".join(self._tail) or "it exited without a message")
        self.port = reported["port"]

    async def ended(self) -> int:
        """Wait until the service exits; return its exit status."""
        status = await self._process.wait()
        await self._reading
        return status

    async def end(self) -> None:
        """Let the service finish requests in flight, and stop it."""
        self.has_responded = False
        await children.end(self._process, self._patience)
        await self._reading

    async def _read(self) -> None:
        if self._process.stdout is None:
            raise RuntimeError("a pipe was asked for")
        with self._log_file.open("ab") as log:
            async for line in self._process.stdout:
                log.write(line)
                log.flush()
                message = _message(line)
                if message is None:
                    continue
                self._tail = [*self._tail[1 - TAIL_LINES :], message]
                if self.has_responded and not message.startswith(READY):
                    self._on_message(message)


def _environ(environ: dict[str, str], app_root: Path) -> dict[str, str]:
    return {
        **environ,
        "APP_ROOT": str(app_root),
        "PORT": "0",
        "S2I_HOST": HOST,
        # Two services run at a time, so a fixed port would conflict; only HTTP is forwarded.
        "S2I_GRPC_PORT": "off",
        # For this process to read.
        "S2I_LOG_FORMAT": "json",
    }


def _message(line: bytes) -> str | None:
    """Return the text of a log line for users, or None for a request's line."""
    with contextlib.suppress(ValueError):
        reported = json.loads(line)
        if isinstance(reported, dict) and "problem" in reported:
            # In the format of Problem.__str__.
            details = [f"  {name.capitalize()}: {reported[name]}" for name in ("why", "fix")]
            return "\n".join([reported["message"], *details, f"  (problem {reported['problem']})"])
        if isinstance(reported, dict):
            return reported.get("message")
    return line.decode("utf-8", "replace").rstrip("\n")
