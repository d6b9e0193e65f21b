"""Connections are accepted here: as many as there may be, and none that is lost at the end."""

import array
import asyncio
import contextlib
import errno
import socket
import struct
from collections.abc import Callable

# Of those that wait, so many are taken before others have their turn.
AT_ONCE = 64
# No descriptor or no memory: the kernel says so again and again until one is free.
PAUSE_SECONDS = 0.2
# Who was shaking hands when new ones were kept out is connected by then.
LAST_SECONDS = 0.02
_OURS = (errno.EBADF, errno.EINVAL, errno.ENOTSOCK)
_SCARCE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Listener:
    """Accepts what comes on `sock`, up to `most` connections at a time; each gets a protocol from `make`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, make: Callable, most: int) -> None:
        self._loop = loop
        self._sock = sock
        self._make = make
        self._most = most
        self._count = 0
        self._reads = self._closes = False
        self._pause: asyncio.TimerHandle | None = None
        self._making: set[asyncio.Task] = set()
        sock.setblocking(False)

    def start(self) -> None:
        """Accept from now on."""
        self._read()

    def left(self) -> None:
        """Hear that a connection is closed: there is room for another."""
        self._count -= 1
        if not (self._reads or self._closes) and self._pause is None:
            self._read()

    def close(self) -> None:
        """Answer no more who wants to connect, take who has connected already, and then be closed.

        Whoever is in the kernel's queue when a listening socket is closed is reset, and may have sent a request. So
        new ones are kept out first: they try again in a moment, and are refused, which sends a proxy elsewhere.
        """
        if self._closes:
            return
        self._closes = True
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
    def is_making(self) -> bool:
        """Return whether a connection was accepted that nobody has looked at yet, or may be in a moment."""
        return bool(self._making) or (self._closes and self._sock.fileno() >= 0)

    def _read(self) -> None:
        self._reads = True
        self._loop.add_reader(self._sock.fileno(), self._accept_some)

    def _stop_reading(self) -> None:
        if self._reads:
            self._reads = False
            self._loop.remove_reader(self._sock.fileno())

    def _accept_some(self) -> None:
        for _ in range(AT_ONCE):
            if self._count >= self._most:
                self._stop_reading()
                return
            if not self._accept():
                return

    def _accept(self) -> bool:
        """Accept one connection; return whether there was one."""
        try:
            sock, _ = self._sock.accept()
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionError:
            # Gone again before it was looked at; there may be others.
            return True
        except OSError as error:
            if error.errno in _OURS:
                raise
            if error.errno not in _SCARCE:
                # Linux passes on what is wrong with the new connection (accept(2)); there may be others.
                return True
            if not self._closes:
                self._stop_reading()
                self._pause = self._loop.call_later(PAUSE_SECONDS, self._go_on)
            return False
        sock.setblocking(False)
        self._count += 1
        task = self._loop.create_task(self._connect(sock))
        self._making.add(task)
        task.add_done_callback(self._making.discard)
        return True

    def _go_on(self) -> None:
        self._pause = None
        if not self._closes:
            self._read()

    async def _connect(self, sock: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make, sock)
        except OSError:
            # It was closed meanwhile.
            sock.close()
            self.left()


# Classic BPF, which the kernel runs on each segment for the listening socket: drop what has SYN and no ACK.
_LOAD_FLAGS, _AND, _UNLESS_EQUAL, _RETURN = 0x30, 0x54, 0x15, 0x06
_FLAGS_AT, _SYN, _ACK = 13, 0x02, 0x10
_PROGRAM = (
    (_LOAD_FLAGS, 0, 0, _FLAGS_AT),
    (_AND, 0, 0, _SYN | _ACK),
    (_UNLESS_EQUAL, 0, 1, _SYN),
    (_RETURN, 0, 0, 0),
    (_RETURN, 0, 0, 0xFFFFFFFF),
)
# Of Linux's socket(7), on all but a few rare machines.
_SO_ATTACH_FILTER = 26


def keep_out(sock: socket.socket) -> None:
    """Let nobody connect to a listening socket any more; who has connected waits to be accepted as before.

    Where the system can't do that, they connect until it is closed.
    """
    program = array.array("B", b"".join(struct.pack("HBBI", *line) for line in _PROGRAM))
    with contextlib.suppress(OSError):
        sock.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(_PROGRAM), program.buffer_info()[0])
        )
