"""How the front's connections reach the app: the front makes a pair of sockets and hands one of them over.

So the app has no address. To one, other users of the machine could connect too, and take all its places.
"""

import errno
import socket


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the front's end of the channel for sockets, and the app's.

    The front keeps both: what the app has not accepted when it ends, the next one accepts.
    """
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    return ours, theirs


def connect(channel: socket.socket) -> socket.socket:
    """Return a connection to the app; raise BlockingIOError while too many wait for it, OSError for lack of files."""
    ours, theirs = socket.socketpair()
    try:
        ours.setblocking(False)
        socket.send_fds(channel, [b"\0"], [theirs.fileno()])
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return ours


class Acceptor(socket.socket):
    """The app's end of the channel, in place of a listening socket."""

    def listen(self, backlog: int = 0, /) -> None:
        """Do nothing: connections come without it."""

    def accept(self) -> tuple[socket.socket, str]:
        """Return the next connection, and an empty address; raise BlockingIOError if there is none."""
        _, descriptors, _, _ = socket.recv_fds(self, 1, 1)
        if not descriptors:
            # This process has no descriptor left, so the kernel has closed the connection.
            raise BlockingIOError(errno.EAGAIN, "no connection")
        return socket.socket(fileno=descriptors[0]), ""
