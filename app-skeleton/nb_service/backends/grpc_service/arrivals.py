"""Messages while they arrive: how long one may take, and how much memory all of them may.

grpcio tells nobody how long a message will be, nor how much of it is here, and takes in as many at a time as there are
calls. So what this process takes from the system is looked at while messages arrive; where it has become too much,
those that are not complete are refused, which gives their bytes back.
"""

import asyncio
import os
from typing import cast

import grpc

from nb_service.backends import allocator
from nb_service.backends.grpc_service.refusals import ARRIVING, EMPTY, LATE, Refusal, Refused

# At a gigabyte a second, which is about what loopback brings, 20 MB arrive in between.
LOOK_SECONDS = 0.02
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Arrivals:
    """Reads messages of calls: one takes no longer than `seconds`, all that are on their way `most_bytes` of memory."""

    def __init__(self, most_bytes: int, seconds: float) -> None:
        self._most = most_bytes
        self._seconds = seconds
        self._usual = 0
        # In the order in which they began.
        self._began: dict[asyncio.Task, float] = {}
        self._patient: set[asyncio.Task] = set()
        self._refused: dict[asyncio.Task, Refusal] = {}
        self._look: asyncio.TimerHandle | None = None

    async def only(self, context: grpc.aio.ServicerContext) -> bytes:
        """Return the one message of a call; raise Refused where it does not come, or not in time."""
        message = await self._next(context)
        if message is grpc.aio.EOF:
            raise Refused(EMPTY)
        return message

    async def next(self, context: grpc.aio.ServicerContext) -> bytes | None:
        """Return the next message of a stream, for which there is no hurry, or None at its end; raise Refused."""
        task = cast("asyncio.Task", asyncio.current_task())
        self._patient.add(task)
        try:
            message = await self._next(context)
        finally:
            self._patient.discard(task)
        return None if message is grpc.aio.EOF else message

    async def _next(self, context: grpc.aio.ServicerContext) -> bytes:
        task, loop = cast("asyncio.Task", asyncio.current_task()), asyncio.get_running_loop()
        self._began[task] = loop.time()
        if self._look is None:
            self._usual = _resident()
            self._look = loop.call_later(LOOK_SECONDS, self._check, loop)
        try:
            message = await context.read()
        except asyncio.CancelledError:
            if task not in self._refused:
                raise
            message = grpc.aio.EOF
        finally:
            del self._began[task]
        # grpcio may say that a read which was cancelled has come to the end.
        refusal = self._refused.pop(task, None)
        if refusal is not None:
            raise Refused(refusal)
        return message

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        """Refuse what takes too long, or everything where it takes too much; look again while anything arrives."""
        late = loop.time() - self._seconds
        for task, began in self._began.items():
            if began > late:
                break
            if task not in self._patient:
                self._refuse(task, LATE)
        if self._began and _resident() - self._usual > self._most:
            for task in self._began:
                self._refuse(task, ARRIVING)
            # Once their bytes are free; what the C library would keep of them counted as taken for ever.
            loop.call_later(LOOK_SECONDS / 2, allocator.give_back)
        self._look = loop.call_later(LOOK_SECONDS, self._check, loop) if self._began else None

    def _refuse(self, task: asyncio.Task, refusal: Refusal) -> None:
        if task not in self._refused:
            self._refused[task] = refusal
            task.cancel()


def _resident() -> int:
    """Return the bytes of memory that this process has (proc_pid_statm(5))."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * _PAGE_BYTES
