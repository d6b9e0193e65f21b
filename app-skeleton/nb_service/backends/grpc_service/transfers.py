"""Limits the time and memory of messages in transfer between clients and calls.

grpcio reports neither the length of an arriving message nor how much of it has arrived, and receives one message per
call at a time. So this module checks the memory of the process while messages arrive. If it exceeds the limit,
incomplete messages are rejected, which frees their bytes.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, cast

import grpc

from nb_service.backends import allocator
from nb_service.backends.grpc_service.refusals import ARRIVING, EMPTY, ENDING, LATE, UNTAKEN, Refusal, Refused

# At about 1 GB/s, the speed of loopback, 20 MB arrive between two checks.
LOOK_SECONDS = 0.02
# If only streams are open and nothing has changed for STILL_SECONDS, check less often: about 50 MB may arrive.
IDLE_LOOK_SECONDS = 0.05
STILL_SECONDS = 10.0
# Smaller changes have other causes than a message.
_NOISE_BYTES = 1 << 16
# It is not known how much of a message a client has received, so it gets the full time for each of these chunks.
TAKEN_BYTES = 1 << 20
# When to make the C library release the memory of rejected messages: soon after, and after their calls have ended.
GIVE_BACK_SECONDS = (LOOK_SECONDS / 2, 1.0)


class Transfers:
    """Receives and sends messages, within `seconds` each; all arriving messages together may use `most_bytes`."""

    def __init__(self, most_bytes: int, seconds: float) -> None:
        self._most = most_bytes
        self._seconds = seconds
        self._usual = self._base = 0
        self._last = 0  # memory at the last check
        self._changed_at = 0.0  # when that value last changed
        # The lowest memory since messages were rejected; used until it is known how much that freed.
        self._least: int | None = None
        # The start times of transfers that read, in order; None if there is no time limit.
        self._reading: dict[asyncio.Task, float | None] = {}
        self._writing: dict[asyncio.Task, float] = {}  # deadline of each transfer that writes
        self._is_ending = False
        self._rejected: dict[asyncio.Task, Refusal] = {}
        self._look: asyncio.TimerHandle | None = None

    async def only(self, context: grpc.aio.ServicerContext) -> bytes:
        """Return the single message of a call; raise Refused if it doesn't arrive in time.

        Raise CancelledError if the client has gone or its deadline has passed.
        """
        message = await self._read(context, asyncio.get_running_loop().time())
        if message is grpc.aio.EOF:
            # grpcio may report the end of the messages even if the call was cancelled.
            if context.cancelled() or is_late(context):
                raise asyncio.CancelledError
            raise Refused(EMPTY)
        return message

    async def next(self, context: grpc.aio.ServicerContext) -> bytes | None:
        """Return the next message of a stream, without a time limit, or None at its end; raise Refused."""
        if self._is_ending:
            raise Refused(ENDING)
        message = await self._read(context, None)
        return None if message is grpc.aio.EOF else message

    async def send(self, context: grpc.aio.ServicerContext, message: bytes) -> None:
        """Send a message; raise Refused if the client doesn't receive it in time."""
        patience = self._seconds * (1 + len(message) // TAKEN_BYTES)
        task = _task()
        self._writing[task] = asyncio.get_running_loop().time() + patience
        try:
            await self._watched(task, context.write(message))
        finally:
            del self._writing[task]

    def end(self) -> None:
        """Reject further requests of streams; those received are still answered."""
        self._is_ending = True
        for task, began in self._reading.items():
            if began is None:
                self.reject(task, ENDING)

    def reject(self, task: asyncio.Task, rejection: Refusal) -> None:
        """Cancel the work of `task`: a transfer raises Refused, other code CancelledError; see `why_rejected`."""
        if task not in self._rejected:
            self._rejected[task] = rejection
            task.cancel()

    def why_rejected(self) -> Refusal | None:
        """Return, only once, why this task was rejected; None if it wasn't."""
        return self._rejected.pop(_task(), None)

    async def _read(self, context: grpc.aio.ServicerContext, began: float | None) -> bytes:
        task = _task()
        self._reading[task] = began
        if began is not None and self._look is not None and self._look.when() > began + LOOK_SECONDS:
            # The check was postponed while only streams were open.
            loop = asyncio.get_running_loop()
            self._look.cancel()
            self._look = loop.call_later(LOOK_SECONDS, self._check, loop)
        try:
            return await self._watched(task, context.read())
        finally:
            del self._reading[task]

    async def _watched(self, task: asyncio.Task, transfer: Awaitable) -> Any:
        """Return the result of `transfer`; raise Refused if `task`, the current one, was rejected meanwhile."""
        if self._look is None:
            loop = asyncio.get_running_loop()
            self._usual = self._base = self._last = allocator.resident()
            self._changed_at = loop.time()
            self._look = loop.call_later(LOOK_SECONDS, self._check, loop)
        result = None
        try:
            result = await transfer
        except asyncio.CancelledError:
            if task not in self._rejected:
                raise
        # grpcio may report a cancelled read as the end of the messages.
        rejection = self.why_rejected()
        if rejection is not None:
            raise Refused(rejection)
        return result

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        """Reject messages that take too long, or all if they use too much memory; repeat while messages arrive."""
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
                self.reject(task, LATE)
        for task, end in self._writing.items():
            if end < now:
                self.reject(task, UNTAKEN)

    def _look_at_memory(self, now: float, loop: asyncio.AbstractEventLoop) -> None:
        resident = allocator.resident()
        if abs(resident - self._last) > _NOISE_BYTES:
            self._last, self._changed_at = resident, now
        if self._least is not None:
            self._least = min(self._least, resident)
        if self._reading and resident - self._usual > self._most:
            for task in self._reading:
                self.reject(task, ARRIVING)
            # Otherwise, memory retained by the C library would count as used for ever.
            for seconds in GIVE_BACK_SECONDS:
                loop.call_later(seconds, allocator.give_back)
            if self._least is None:
                self._least = resident
                loop.call_later(max(GIVE_BACK_SECONDS) + LOOK_SECONDS, self._settle)

    def _settle(self) -> None:
        """Add the memory that is still in use, although all arriving messages were rejected, to the baseline.

        Clients that don't read their responses add some each time, so the baseline is limited, too.
        """
        if self._least is not None:
            self._usual = max(self._usual, min(self._least, self._base + self._most))
            self._least = None

    def _pause(self, now: float) -> float:
        """Return the seconds until the next check."""
        only_streams = not self._writing and all(began is None for began in self._reading.values())
        return IDLE_LOOK_SECONDS if only_streams and now - self._changed_at > STILL_SECONDS else LOOK_SECONDS


def is_late(context: grpc.aio.ServicerContext) -> bool:
    """Return whether a call's deadline has passed."""
    left = context.time_remaining()
    return left is not None and left <= 0


def _task() -> asyncio.Task:
    return cast("asyncio.Task", asyncio.current_task())
