"""Checks whether this container's service is ready, for engines whose health checks are commands."""

import contextlib
import http.client
import ipaddress

from nb_service.settings import Settings

SECONDS = 5.0


def main(environ: dict) -> int:
    """Print the response to `GET /readyz` of the service with these settings; return 0 if it is ready, else 1."""
    settings = Settings(environ)
    host = _reached_at(settings.host)
    connection = http.client.HTTPConnection(host, settings.port, timeout=SECONDS)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/readyz")
            reply = connection.getresponse()
            said = reply.read().decode("utf-8", "replace").strip()
        except (OSError, http.client.HTTPException) as error:
            print(f"No service responds at {host}, port {settings.port}: {error}")
            return 1
    print(f"{reply.status} {said}")
    return 0 if reply.status == 200 else 1


def _reached_at(host: str) -> str:
    """Return the address for connecting to a server on `host` from the same container: loopback for any address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    loopback = {4: "127.0.0.1", 6: "::1"}
    return loopback[address.version] if address.is_unspecified else host
