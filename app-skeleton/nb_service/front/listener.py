"""Accepts connections up to a limit; on shutdown, also accepts those that the kernel has completed."""

import array
import asyncio
import contextlib
import errno
import socket
import struct
from collections.abc import Callable

# After this many accepted connections in a row, open connections are served.
AT_ONCE = 64
# If descriptors or memory are exhausted, accept() fails and the socket stays readable: without a pause, the loop would
# spin.
PAUSE_SECONDS = 0.2
# After this long, handshakes that started before new connections were blocked are complete.
LAST_SECONDS = 0.02
# The listening socket itself is broken. That is a bug, which must be visible.
_OURS = (errno.EBADF, errno.EINVAL, errno.ENOTSOCK)
# If these are exhausted, a later attempt may succeed.
_SCARCE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Listener:
    """Accepts connections on `sock`, up to `max_connections` at a time; each gets a protocol from `make_protocol`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, make_protocol: Callable, max_connections: int
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._make_protocol = make_protocol
        self._max_connections = max_connections
        self._count = 0
        self._is_reading = self._is_closing = False
        self._pause: asyncio.TimerHandle | None = None
        self._connecting: set[asyncio.Task] = set()
        sock.setblocking(False)

    def start(self) -> None:
        """Start accepting."""
        self._read()

    def connection_closed(self) -> None:
        """Count a connection as closed, which makes room for another."""
        self._count -= 1
        if not (self._is_reading or self._is_closing) and self._pause is None:
            self._read()

    def close(self) -> None:
        """Block new connections, accept those that the kernel has completed, then close the socket.

        Closing a listening socket resets the connections in its queue, whose clients may have sent a request. So new
        ones are blocked first: their SYN is dropped, and when they retry a moment later they are refused, so that a
        proxy selects another server.
        """
        if self._is_closing:
            return
        self._is_closing = True
        if self._pause is not None:
            self._pause.cancel()
        self._stop_reading()
        keep_out(self._sock)
        self._take_all()
        self._loop.call_later(LAST_SECONDS, self._close)

    def _close(self) -> None:
        self._take_all()
        self._sock.close()

    def _take_all(self) -> None:
        while self._accept():
            pass

    @property
    def is_connecting(self) -> bool:
        """Return whether an accepted connection has no protocol yet, or the last ones are still being accepted."""
        return bool(self._connecting) or (self._is_closing and self._sock.fileno() >= 0)

    def _read(self) -> None:
        self._is_reading = True
        self._loop.add_reader(self._sock.fileno(), self._accept_some)

    def _stop_reading(self) -> None:
        if self._is_reading:
            self._is_reading = False
            self._loop.remove_reader(self._sock.fileno())

    def _accept_some(self) -> None:
        for _ in range(AT_ONCE):
            if self._count >= self._max_connections:
                self._stop_reading()
                return
            if not self._accept():
                return

    def _accept(self) -> bool:
        """Accept one connection; return whether another may be waiting."""
        try:
            sock, _ = self._sock.accept()
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionError:
            # The client has disconnected already; others may be waiting.
            return True
        except OSError as error:
            if error.errno in _OURS:
                raise
            if error.errno not in _SCARCE:
                # Linux reports pending network errors of the new connection here (accept(2)); others may be waiting.
                return True
            if not self._is_closing:
                self._stop_reading()
                self._pause = self._loop.call_later(PAUSE_SECONDS, self._resume)
            return False
        sock.setblocking(False)
        self._count += 1
        task = self._loop.create_task(self._connect(sock))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return True

    def _resume(self) -> None:
        self._pause = None
        if not self._is_closing:
            self._read()

    async def _connect(self, sock: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make_protocol, sock)
        except OSError:
            # The client has closed it in the meantime.
            sock.close()
            self.connection_closed()


# Classic BPF, which the kernel runs on each segment for the listening socket: drops those with SYN and without ACK, so
# that only handshakes in progress can complete.
_LOAD_FLAGS, _AND, _UNLESS_EQUAL, _RETURN = 0x30, 0x54, 0x15, 0x06
_FLAGS_AT, _SYN, _ACK = 13, 0x02, 0x10
_PROGRAM = (
    (_LOAD_FLAGS, 0, 0, _FLAGS_AT),
    (_AND, 0, 0, _SYN | _ACK),
    (_UNLESS_EQUAL, 0, 1, _SYN),
    (_RETURN, 0, 0, 0),
    (_RETURN, 0, 0, 0xFFFFFFFF),
)
# From Linux's socket(7), the same on all but a few rare architectures. Python's socket module does not have it.
_SO_ATTACH_FILTER = 26


def keep_out(sock: socket.socket) -> None:
    """Block new connections to a listening socket; those in its queue can still be accepted.

    On systems that don't support this, clients connect until the socket is closed.
    """
    program = array.array("B", b"".join(struct.pack("HBBI", *instruction) for instruction in _PROGRAM))
    with contextlib.suppress(OSError):
        sock.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(_PROGRAM), program.buffer_info()[0])
        )
