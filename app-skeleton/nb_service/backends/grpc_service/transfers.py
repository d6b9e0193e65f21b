"""Messages on their way between a client and a call: how long one may take, and how much memory all of them may.

grpcio reports neither how long a message will be nor how much of it has arrived, and receives one message per call at a
time. So this module checks the memory of the process while messages arrive. If it is too much, incomplete messages are
rejected, which frees their bytes.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, cast

import grpc

from nb_service.backends import allocator
from nb_service.backends.grpc_service.refusals import ARRIVING, EMPTY, ENDING, LATE, UNTAKEN, Refusal, Refused

# At a gigabyte a second, which is about what loopback brings, 20 MB arrive in between.
LOOK_SECONDS = 0.02
# If only streams are open and nothing has changed for STILL_SECONDS, looks are less frequent: some 50 MB.
IDLE_LOOK_SECONDS = 0.05
STILL_SECONDS = 10.0
# Smaller changes are not caused by a message.
_NOISE_BYTES = 1 << 16
# Nothing says how much of a message a client has taken: for each of so many bytes it has the whole time.
TAKEN_BYTES = 1 << 20
# When the C library is asked for what it keeps of refused messages: soon, and once their calls have ended.
GIVE_BACK_SECONDS = (LOOK_SECONDS / 2, 1.0)


class Transfers:
    """Reads and writes messages: one takes no longer than `seconds`, and all that arrive no more than `most_bytes`."""

    def __init__(self, most_bytes: int, seconds: float) -> None:
        self._most = most_bytes
        self._seconds = seconds
        self._usual = self._base = 0
        self._last = 0  # the memory at the last look
        self._changed_at = 0.0  # when that last was another than before
        # The least memory since messages were refused, until it is known what that has given back.
        self._least: int | None = None
        # When those that read started, in that order; None for who may take any time.
        self._reading: dict[asyncio.Task, float | None] = {}
        self._writing: dict[asyncio.Task, float] = {}  # until when each may write
        self._is_ending = False
        self._refused: dict[asyncio.Task, Refusal] = {}
        self._look: asyncio.TimerHandle | None = None

    async def only(self, context: grpc.aio.ServicerContext) -> bytes:
        """Return the one message of a call; raise Refused where it does not come, or not in time.

        Raise CancelledError where the client has gone, or its deadline has passed.
        """
        message = await self._read(context, asyncio.get_running_loop().time())
        if message is grpc.aio.EOF:
            # Also of a call that is over, grpcio may say that its messages have come to the end.
            if context.cancelled() or is_late(context):
                raise asyncio.CancelledError
            raise Refused(EMPTY)
        return message

    async def next(self, context: grpc.aio.ServicerContext) -> bytes | None:
        """Return the next message of a stream, for which there is no hurry, or None at its end; raise Refused."""
        if self._is_ending:
            raise Refused(ENDING)
        message = await self._read(context, None)
        return None if message is grpc.aio.EOF else message

    async def send(self, context: grpc.aio.ServicerContext, message: bytes) -> None:
        """Write a message; raise Refused where the client does not take it in time."""
        patience = self._seconds * (1 + len(message) // TAKEN_BYTES)
        task = _task()
        self._writing[task] = asyncio.get_running_loop().time() + patience
        try:
            await self._watched(task, context.write(message))
        finally:
            del self._writing[task]

    def end(self) -> None:
        """Refuse what else streams would bring; what they have brought is answered."""
        self._is_ending = True
        for task, began in self._reading.items():
            if began is None:
                self.refuse(task, ENDING)

    def refuse(self, task: asyncio.Task, refusal: Refusal) -> None:
        """End what `task` does now: a transfer raises Refused, anything else CancelledError; see `why_refused`."""
        if task not in self._refused:
            self._refused[task] = refusal
            task.cancel()

    def why_refused(self) -> Refusal | None:
        """Return, once, why this task was refused; None where it was not."""
        return self._refused.pop(_task(), None)

    async def _read(self, context: grpc.aio.ServicerContext, began: float | None) -> bytes:
        task = _task()
        self._reading[task] = began
        if began is not None and self._look is not None and self._look.when() > began + LOOK_SECONDS:
            # It was put off while there were only streams.
            loop = asyncio.get_running_loop()
            self._look.cancel()
            self._look = loop.call_later(LOOK_SECONDS, self._check, loop)
        try:
            return await self._watched(task, context.read())
        finally:
            del self._reading[task]

    async def _watched(self, task: asyncio.Task, transfer: Awaitable) -> Any:
        """Return what `transfer` returns; raise Refused where `task`, which is this one, was refused meanwhile."""
        if self._look is None:
            loop = asyncio.get_running_loop()
            self._usual = self._base = self._last = allocator.resident()
            self._changed_at = loop.time()
            self._look = loop.call_later(LOOK_SECONDS, self._check, loop)
        result = None
        try:
            result = await transfer
        except asyncio.CancelledError:
            if task not in self._refused:
                raise
        # grpcio may say that a read which was cancelled has come to the end.
        refusal = self.why_refused()
        if refusal is not None:
            raise Refused(refusal)
        return result

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        """Reject messages that take too long, or all if they are too many; look again while any is arriving."""
        now = loop.time()
        self._reject_late(now)
        self._look_at_memory(now, loop)
        again = self._reading or self._writing
        self._look = loop.call_later(self._pause(now), self._check, loop) if again else None

    def _reject_late(self, now: float) -> None:
        for task, began in self._reading.items():
            if began is not None:
                if began > now - self._seconds:
                    break
                self.refuse(task, LATE)
        for task, end in self._writing.items():
            if end < now:
                self.refuse(task, UNTAKEN)

    def _look_at_memory(self, now: float, loop: asyncio.AbstractEventLoop) -> None:
        resident = allocator.resident()
        if abs(resident - self._last) > _NOISE_BYTES:
            self._last, self._changed_at = resident, now
        if self._least is not None:
            self._least = min(self._least, resident)
        if self._reading and resident - self._usual > self._most:
            for task in self._reading:
                self.refuse(task, ARRIVING)
            # What the C library would keep of their bytes counted as taken for ever.
            for seconds in GIVE_BACK_SECONDS:
                loop.call_later(seconds, allocator.give_back)
            if self._least is None:
                self._least = resident
                loop.call_later(max(GIVE_BACK_SECONDS) + LOOK_SECONDS, self._settle)

    def _settle(self) -> None:
        """Count what the process has kept, though all that arrived was refused, among its usual memory.

        Clients who take no responses make it keep some each time, so there is a bound on that, too.
        """
        if self._least is not None:
            self._usual = max(self._usual, min(self._least, self._base + self._most))
            self._least = None

    def _pause(self, now: float) -> float:
        """Return the seconds until the next look."""
        only_streams = not self._writing and all(began is None for began in self._reading.values())
        return IDLE_LOOK_SECONDS if only_streams and now - self._changed_at > STILL_SECONDS else LOOK_SECONDS


def is_late(context: grpc.aio.ServicerContext) -> bool:
    """Return whether the deadline of a call has passed."""
    left = context.time_remaining()
    return left is not None and left <= 0


def _task() -> asyncio.Task:
    return cast("asyncio.Task", asyncio.current_task())
