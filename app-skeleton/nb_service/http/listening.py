"""Creates the listening socket, and limits the number of open connections."""

import resource
import socket

from nb_service import problems

CONNECTIONS = 4096
# Reserved for everything but clients: sockets of scorers and app, pipes, files.
SPARE_DESCRIPTORS = 1024


def allow_descriptors(wanted: int) -> int:
    """Raise this process's soft limit of open files up to `wanted` if possible; return the resulting limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft


def connections_for(descriptors: int) -> int:
    """Return how many connections may be open at a time under a limit of `descriptors`."""
    if descriptors == resource.RLIM_INFINITY:
        return CONNECTIONS
    return max(1, min(CONNECTIONS, descriptors - min(SPARE_DESCRIPTORS, descriptors // 4)))


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; raise PortTaken if the address is not available."""
    try:
        family, socket_type, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket_type, proto)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(CONNECTIONS)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise problems.PortTaken(host, port, error.strerror or str(error)) from error
    except UnicodeError as error:
        raise problems.PortTaken(host, port, "that is not a host name") from error
    return listener
