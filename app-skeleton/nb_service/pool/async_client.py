"""The pool's client for processes that run an asyncio loop; see client.py for processes with threads.

    pool = await AsyncPoolClient.on(socket.socket(fileno=number))
    answer = await pool.ask(b"[1.5, 2]")

All answers in one read of the socket wake the loop once; all samples of one turn of the loop are sent together. A slow
sample doesn't delay others.
"""

import asyncio
import itertools
import json
import socket
from collections.abc import AsyncGenerator, Callable, Iterable

from nb_scorer.protocol import frames

from nb_service.pool import wire
from nb_service.pool.answer import ITEM, NOT_READY, Answer


class AsyncPoolClient(asyncio.Protocol):
    """Calls the front's pool; for the loop's thread only. The caller limits the number of pending requests.

    `gone` is called when the front disconnects; pending and later requests then get NOT_READY.
    """

    def __init__(self, gone: Callable[[], object] = lambda: None) -> None:
        self.together = False  # the same as PoolClient.together
        self.max_queue = 1
        self.at_once = 1  # how many samples all scorers can process in one call each
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._greeted: asyncio.Future[None] = self._loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._numbers = itertools.count()
        self._pending: dict[int, asyncio.Future] = {}
        self._streams: dict[int, asyncio.Queue[Answer]] = {}
        self._in = bytearray()
        self._out: list[bytes] = []

    @classmethod
    async def on(cls, sock: socket.socket, gone: Callable[[], object] = lambda: None) -> "AsyncPoolClient":
        """Return a client on the connected socket `sock`, once the front has described its pool."""
        sock.setblocking(False)
        _, client = await asyncio.get_running_loop().create_unix_connection(lambda: cls(gone), sock=sock)
        await client._greeted  # noqa: SLF001 - its own
        return client

    def ask(self, sample: bytes, call: bytes = b"") -> "asyncio.Future[Answer]":
        """Return a future of the outcome of one sample. Here and below, `call` is as in Pool.submit."""
        return self._request(wire.SAMPLE, sample, call)

    def ask_array(self, array: bytes, call: bytes = b"") -> "asyncio.Future[Answer]":
        """Return a future of the outcome of a JSON array of samples, scored as in Pool.submit_many."""
        return self._request(wire.ARRAY, array, call)

    def ask_block(self, block: bytes, call: bytes = b"") -> "asyncio.Future[Answer]":
        """Return a future of the outcome of a block of numbers, scored like an array."""
        return self._request(wire.BLOCK, block, call)

    async def ask_stream(self, sample: bytes, call: bytes = b"") -> AsyncGenerator[Answer, None]:
        """Yield each item of the prediction for a sample as an Answer with the outcome ITEM, then the last Answer.

        Requesting the next item acknowledges the last one. Closing this generator ends the stream.
        """
        if self._transport is None:
            yield Answer(NOT_READY)
            return
        number = next(self._numbers) & wire.NUMBERS
        box = self._streams[number] = asyncio.Queue()
        self._send(wire.request(wire.SAMPLE | frames.STREAMED, number, sample, call))
        try:
            while (answer := await box.get()).outcome == ITEM:
                yield answer
                self._send(wire.frame(wire.TAKEN, number))
            yield answer
        finally:
            # A stream that has ended is no longer pending.
            if self._streams.pop(number, None) is not None:
                self._send(wire.frame(wire.ABANDON, number))

    def abandon(self, asked: Iterable["asyncio.Future[Answer]"]) -> None:
        """Withdraw requests that are no longer needed: samples that no scorer has started are not scored."""
        withdrawn = set(asked)
        for number in [number for number, waiting in self._pending.items() if waiting in withdrawn]:
            self._pending.pop(number).cancel()
            self._send(wire.frame(wire.ABANDON, number))

    async def facts(self) -> dict:
        """Return the front's facts about itself; {} if it has disconnected."""
        payload = await self._request(wire.FACTS, b"")
        return json.loads(payload) if isinstance(payload, bytes) else {}

    def notify(self, message: dict) -> None:
        """Send the front a message, which JSON must be able to represent."""
        self._send(wire.json_frame(wire.TELL, 0, message))

    def close(self) -> None:
        """Send pending data, then disconnect."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def _request(self, kind: int, body: bytes, call: bytes = b"") -> asyncio.Future:
        number = next(self._numbers) & wire.NUMBERS
        answer = self._loop.create_future()
        if self._transport is None:
            answer.set_result(Answer(NOT_READY))
        else:
            self._pending[number] = answer
            self._send(wire.request(kind, number, body, call))
        return answer

    def _send(self, frame: bytes) -> None:
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(frame)

    def _flush(self) -> None:
        waiting, self._out = self._out, []
        if waiting and self._transport is not None:
            self._transport.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Resolve the futures whose answers have arrived."""
        self._in += data
        for kind, number, payload in wire.take(self._in):
            if kind == wire.HELLO:
                self._greet(json.loads(payload))
                continue
            if number in self._streams:
                self._take_item(number, wire.answer_of(payload))
                continue
            waiting = self._pending.pop(number, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(wire.answer_of(payload) if kind == wire.ANSWER else payload)

    def _take_item(self, number: int, answer: Answer) -> None:
        box = self._streams[number] if answer.outcome == ITEM else self._streams.pop(number)
        box.put_nowait(answer)

    def _greet(self, hello: dict) -> None:
        self.together, self.max_queue, self.at_once = hello["together"], hello["max_queue"], hello["at_once"]
        if not self._greeted.done():
            self._greeted.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Resolve all pending futures."""
        self._transport = None
        pending, self._pending = self._pending, {}
        for waiting in pending.values():
            if not waiting.done():
                waiting.set_result(Answer(NOT_READY))
        for number in list(self._streams):
            self._take_item(number, Answer(NOT_READY))
        if not self._greeted.done():
            self._greeted.set_result(None)
        self._gone()
