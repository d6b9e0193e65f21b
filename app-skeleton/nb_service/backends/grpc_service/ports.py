"""The ports of gRPC, which the front holds while its process comes and goes."""

import socket
from collections.abc import Sequence

from nb_service import problems


class Ports:
    """Addresses that are bound, on which nobody listens here: gRPC's own listener shares each.

    gRPC takes no socket from elsewhere, it binds by itself. So that another service's port is found taken before the
    model loads, and ours is not taken by others while the process is started again, each is bound here first, alone,
    and opened only then for others of this user (SO_REUSEPORT). A socket that does not listen gets no connections.
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
        """Return each as host:port, an address of IPv6 in brackets."""
        names = [bound.getsockname()[:2] for bound in self._sockets]
        return tuple(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in names)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Return the number of each."""
        return tuple(bound.getsockname()[1] for bound in self._sockets)

    def close(self) -> None:
        """Give them back."""
        for bound in self._sockets:
            bound.close()


def _bound(host: str, number: int) -> socket.socket:
    family, kind, proto, _, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, proto)
    try:
        # A port whose connections have just ended is free all the same; one with a listener is not.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError:
        bound.close()
        raise
    return bound
