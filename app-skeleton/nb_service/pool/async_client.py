"""The client of the pool for a process of ours that runs an asyncio loop; see client.py for those with threads.

    pool = await AsyncPoolClient.on(socket.socket(fileno=number))
    answer = await pool.ask(b"[1.5, 2]")

All answers that one read of the socket brings wake the loop once; all samples that one turn of the loop asks leave in
one send. A sample that takes long holds nobody else.
"""

import asyncio
import itertools
import json
import socket
from collections.abc import Callable, Iterable

from nb_service.pool import wire
from nb_service.pool.answer import NOT_READY, Answer


class AsyncPoolClient(asyncio.Protocol):
    """Asks the front's pool; for the loop's thread only. How much waits there is the caller's to bound.

    `gone` is called when the front is gone; what waits then, or is asked later, gets NOT_READY.
    """

    def __init__(self, gone: Callable[[], object] = lambda: None) -> None:
        self.together = False  # as PoolClient.together
        self.max_queue = 1
        self.at_once = 1  # how many samples all scorers can work on, in one call each
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._greeted: asyncio.Future[None] = self._loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._numbers = itertools.count()
        self._pending: dict[int, asyncio.Future] = {}
        self._in = bytearray()
        self._out: list[bytes] = []

    @classmethod
    async def on(cls, sock: socket.socket, gone: Callable[[], object] = lambda: None) -> "AsyncPoolClient":
        """Return a client on the connected socket `sock`, once the front has said what its pool is like."""
        sock.setblocking(False)
        _, client = await asyncio.get_running_loop().create_unix_connection(lambda: cls(gone), sock=sock)
        await client._greeted  # noqa: SLF001 - its own
        return client

    def ask(self, sample: bytes, call: bytes = b"") -> "asyncio.Future[Answer]":
        """Return the outcome of one sample, once it is awaited; `call` is as of Pool.submit, here and below."""
        return self._request(wire.SAMPLE, sample, call)

    def ask_array(self, array: bytes, call: bytes = b"") -> "asyncio.Future[Answer]":
        """Return the outcome of a JSON array of samples, as Pool.submit_many does."""
        return self._request(wire.ARRAY, array, call)

    def ask_block(self, block: bytes, call: bytes = b"") -> "asyncio.Future[Answer]":
        """Return the outcome of a block of numbers, as ask_array does."""
        return self._request(wire.BLOCK, block, call)

    def abandon(self, asked: Iterable["asyncio.Future[Answer]"]) -> None:
        """Withdraw what nobody waits for any more: what no scorer has yet is not scored."""
        withdrawn = set(asked)
        for number in [number for number, waiting in self._pending.items() if waiting in withdrawn]:
            self._pending.pop(number).cancel()
            self._send(wire.frame(wire.ABANDON, number))

    async def facts(self) -> dict:
        """Return the front's facts about itself; {} when it is gone."""
        payload = await self._request(wire.FACTS, b"")
        return json.loads(payload) if isinstance(payload, bytes) else {}

    def tell(self, news: dict) -> None:
        """Tell the front something that JSON can hold."""
        self._send(wire.json_frame(wire.TELL, 0, news))

    def close(self) -> None:
        """Send what waits, then hang up."""
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
        frames, self._out = self._out, []
        if frames and self._transport is not None:
            self._transport.write(frames[0] if len(frames) == 1 else b"".join(frames))

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Give their answers to the callers that wait for them."""
        self._in += data
        for kind, number, payload in wire.take(self._in):
            if kind == wire.HELLO:
                self._greet(json.loads(payload))
                continue
            waiting = self._pending.pop(number, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(wire.answer_of(payload) if kind == wire.ANSWER else payload)

    def _greet(self, hello: dict) -> None:
        self.together, self.max_queue, self.at_once = hello["together"], hello["max_queue"], hello["at_once"]
        if not self._greeted.done():
            self._greeted.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Answer everything that waits."""
        self._transport = None
        pending, self._pending = self._pending, {}
        for waiting in pending.values():
            if not waiting.done():
                waiting.set_result(Answer(NOT_READY))
        if not self._greeted.done():
            self._greeted.set_result(None)
        self._gone()
