"""A service of one build: started alongside the one before, and ended when nothing is sent to it any more."""

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
# What a service may take to end beyond its grace.
SPARE_SECONDS = 5.0
# How it says that it is ready, where it says it to people: here somebody else does.
READY = "Serving on "


class NotServed(Exception):
    """A service that did not get ready; its text is what it said."""


class Service:
    """A running service: its port, and how it ended."""

    def __init__(self, process: Process, on_message: Callable[[str], None], log_file: Path, grace: float) -> None:
        """Take the process, what gets each message of its log, the file for the log itself, and its S2I_GRACE."""
        self._process = process
        self._on_message = on_message
        self._log_file = log_file
        self._patience = grace + SPARE_SECONDS
        self._tail: list[str] = []
        self.port = 0
        # What it says while it starts and ends is of no interest where all goes well.
        self.has_responded = False
        self._reading = asyncio.ensure_future(self._read())

    @classmethod
    async def started(
        cls, app_root: Path, environ: dict[str, str], on_message: Callable[[str], None], log_file: Path
    ) -> "Service":
        """Return a service of what lies in `app_root` once it is ready; raise NotServed if it will not be."""
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
        # Facts come as JSON through a descriptor, among them the port as soon as it is ready.
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
        """Return its exit status when it has ended."""
        status = await self._process.wait()
        await self._reading
        return status

    async def end(self) -> None:
        """Have it answer what is in flight and end."""
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
        # Two services run at a time, and both would want its port; what is forwarded is HTTP.
        "S2I_GRPC_PORT": "off",
        # For us to read.
        "S2I_LOG_FORMAT": "json",
    }


def _message(line: bytes) -> str | None:
    """Return what a line of the log says to people; None for a request."""
    with contextlib.suppress(ValueError):
        reported = json.loads(line)
        if isinstance(reported, dict) and "problem" in reported:
            # As Problem.__str__ writes it.
            words = [f"  {name.capitalize()}: {reported[name]}" for name in ("why", "fix")]
            return "\n".join([reported["message"], *words, f"  (problem {reported['problem']})"])
        if isinstance(reported, dict):
            return reported.get("message")
    return line.decode("utf-8", "replace").rstrip("\n")
