"""Reads and validates the settings S2I_BUS_… before the model is loaded."""

import re
import ssl
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from nb_service import problems
from nb_service.settings import Settings


class Place(NamedTuple):
    """A broker's addresses, and the names and credentials for it.

    `urls` contain neither user nor password, which are separate.

    `ca_file`, `cert_file` and `key_file` are "" if unset; `reclaim` is in seconds; `client` is "" if the group's name
    is used.
    """

    urls: tuple[SplitResult, ...]
    source: str
    target: str
    errors: str
    group: str
    user: str = ""
    password: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    create: bool = False
    reclaim: float = 10.0
    client: str = ""
    sasl: str = "SCRAM-SHA-512"

    @property
    def scheme(self) -> str:
        """Return the scheme of the addresses."""
        return self.urls[0].scheme

    def __str__(self) -> str:
        return ",".join(url.geturl() for url in self.urls)

    def tls(self) -> ssl.SSLContext | None:
        """Return the TLS context; None if neither a file nor the scheme requires TLS."""
        if not (self.ca_file or self.cert_file or self.scheme in ("tls", "rediss", "amqps", "mqtts", "kafkas")):
            return None
        context = ssl.create_default_context(cafile=self.ca_file or None)
        if self.cert_file:
            context.load_cert_chain(self.cert_file, self.key_file or None)
        return context


def read_place(settings: Settings, group: str) -> Place:
    """Return the place that the settings describe; `group` is the default group name. Raise a Problem of the bus."""
    for name in ("url", "in", "out"):
        if not getattr(settings, f"bus_{name}"):
            raise problems.BusUnset(f"S2I_BUS_{name.upper()}")
    urls, user, password = _addresses(settings.bus_url)
    place = Place(
        urls=urls,
        source=settings.bus_in,
        target=settings.bus_out,
        errors=settings.bus_errors or f"{settings.bus_out}.errors",
        group=settings.bus_group or group,
        user=_secret("S2I_BUS_USER_FILE", settings.bus_user_file) or user,
        password=_secret("S2I_BUS_PASSWORD_FILE", settings.bus_password_file) or password,
        ca_file=settings.bus_ca_file,
        cert_file=settings.bus_cert_file,
        key_file=settings.bus_key_file,
        create=settings.bus_create,
        reclaim=settings.bus_reclaim,
        client=settings.bus_client,
        sasl=settings.bus_sasl,
    )
    try:
        place.tls()
    except (OSError, ValueError) as error:
        names = "S2I_BUS_CA_FILE, S2I_BUS_CERT_FILE and S2I_BUS_KEY_FILE"
        raise problems.BusFile(names, getattr(error, "reason", None) or error.strerror or str(error)) from error  # type: ignore[union-attr]
    return place


def _addresses(text: str) -> tuple[tuple[SplitResult, ...], str, str]:
    """Return the addresses in a comma-separated list, and the user and password of the first that has them."""
    urls, user, password = [], "", ""
    for part in text.split(","):
        try:
            url = urlsplit(part.strip())
            host, port = url.hostname, url.port
        except ValueError as error:
            # The error's own text may contain the password.
            raise problems.BusUrl("a port or an address in it is not valid") from error
        if url.scheme in ("redis", "rediss") and not re.fullmatch(r"/?[0-9]*/?", url.path):
            raise problems.BusUrl("the database in it is not a number")
        if not url.scheme or not host:
            raise problems.BusUrl("it is not an address such as nats://broker:4222")
        user, password = user or unquote(url.username or ""), password or unquote(url.password or "")
        name = f"[{host}]" if ":" in host else host
        urls.append(url._replace(netloc=name if port is None else f"{name}:{port}"))
    if len({url.scheme for url in urls}) > 1:
        raise problems.BusUrl("its addresses have several schemes")
    return tuple(urls), user, password


def _secret(name: str, path: str) -> str:
    """Return the contents of the file named by the setting `name`; "" if unset."""
    if not path:
        return ""
    try:
        secret = Path(path).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise problems.BusFile(name, getattr(error, "strerror", None) or "it is not UTF-8 text") from error
    if not secret:
        raise problems.BusFile(name, "it is empty")
    return secret
