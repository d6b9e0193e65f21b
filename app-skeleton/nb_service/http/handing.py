"""Connects the front to the app: the front creates a socket pair, and sends one end over a channel.

So the app has no address to which other users of the machine could connect to exhaust its connections.
"""

import errno
import socket


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the front's and the app's end of the channel that passes sockets.

    The front keeps both: a restarted app accepts the connections that the previous one had not accepted.
    """
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    return ours, theirs


def connect(channel: socket.socket) -> socket.socket:
    """Return a connection to the app; raise BlockingIOError if too many are waiting, OSError if descriptors run out."""
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
    """The app's end of the channel, used in place of a listening socket."""

    def listen(self, backlog: int = 0, /) -> None:
        """Do nothing, because connections arrive without it."""

    def accept(self) -> tuple[socket.socket, str]:
        """Return the next connection, and an empty address; raise BlockingIOError if there is none."""
        _, descriptors, _, _ = socket.recv_fds(self, 1, 1)
        if not descriptors:
            # This process has no free descriptor, so the kernel has closed the connection.
            raise BlockingIOError(errno.EAGAIN, "no connection")
        return socket.socket(fileno=descriptors[0]), ""
