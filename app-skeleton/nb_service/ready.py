"""Asks the service of this container whether it is ready: for engines whose health checks are commands."""

import contextlib
import http.client
import ipaddress

from nb_service.settings import Settings

SECONDS = 5.0


def main(environ: dict) -> int:
    """Print what `GET /readyz` of the service with these settings says; return 0 where it is ready, else 1."""
    settings = Settings(environ)
    host = _reached_at(settings.host)
    connection = http.client.HTTPConnection(host, settings.port, timeout=SECONDS)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/readyz")
            reply = connection.getresponse()
            said = reply.read().decode("utf-8", "replace").strip()
        except (OSError, http.client.HTTPException) as error:
            print(f"Nothing answers at {host}, port {settings.port}: {error}")
            return 1
    print(f"{reply.status} {said}")
    return 0 if reply.status == 200 else 1


def _reached_at(host: str) -> str:
    """Return the address at which who listens at `host` is reached from within: of all addresses, loopback's."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    loopback = {4: "127.0.0.1", 6: "::1"}
    return loopback[address.version] if address.is_unspecified else host
