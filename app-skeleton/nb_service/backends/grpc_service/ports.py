"""Holds the gRPC ports in the front across restarts of the gRPC process."""

import socket
from collections.abc import Sequence

from nb_service import problems


class Ports:
    """Addresses that are bound here without listening; gRPC's own sockets share them.

    gRPC binds its ports itself and doesn't accept an open socket. To detect a port in use before the model is loaded,
    and to keep the ports while the process restarts, each is first bound here exclusively, and then opened to other
    processes of this user (SO_REUSEPORT). A socket that doesn't listen gets no connections.
    """

    def __init__(self, host: str, numbers: Sequence[int]) -> None:
        """Bind `numbers` on `host`, 0 for a free one; raise PortTaken."""
        self._sockets: list[socket.socket] = []
        for number in numbers:
            try:
                self._sockets.append(_bound(host, number))
            except (OSError, UnicodeError) as error:
                self.close()
                reason = "that is not a host name" if isinstance(error, UnicodeError) else error.strerror
                raise problems.PortTaken(host, number, reason or str(error), "S2I_GRPC_PORT") from error

    @property
    def addresses(self) -> tuple[str, ...]:
        """Return each as host:port, with IPv6 addresses in brackets."""
        names = [bound.getsockname()[:2] for bound in self._sockets]
        return tuple(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in names)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Return the port numbers."""
        return tuple(bound.getsockname()[1] for bound in self._sockets)

    def close(self) -> None:
        """Close the sockets."""
        for bound in self._sockets:
            bound.close()


def _bound(host: str, number: int) -> socket.socket:
    family, kind, proto, _, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, proto)
    try:
        # While its closed connections time out, a port counts as free, but not while a process listens on it.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError:
        bound.close()
        raise
    return bound
