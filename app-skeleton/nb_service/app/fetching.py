"""Fetches files that samples name by URL, from hosts that a setting lists, but never from a private network.

A name is resolved once, all its addresses must be public, and the connection uses one of these. So a name server gains
nothing if it returns other addresses later. Proxies are not used, because they would resolve names themselves.
"""

import concurrent.futures
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from nb_service.addresses import is_public
from nb_service.files import Files
from nb_service.protocols import Malformed, decode, encode

SCHEMES = ("https://", "http://")
PORTS = {"https": 443, "http": 80}
MAX_REDIRECTS = 3
# Maximum URLs in one request's samples.
MAX_URLS = 100
# The number of requests whose files are fetched at the same time; each may hold as many bytes as a body.
AT_ONCE = 4
# How long other requests wait: each blocks a thread of the app.
TURN_SECONDS = 1.0
UNREADABLE = "A file's URL can't be read."
_PIECE = 1 << 16
_REDIRECTS = (301, 302, 303, 307, 308)


class Origin(NamedTuple):
    """A scheme, a host in lower case, and a port."""

    scheme: str
    host: str
    port: int


def _resolve(host: str, port: int) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Fetcher:
    """Fetches files from `origins`, with limits of `max_bytes` and `seconds` for all files of a request.

    `resolve` returns the addresses of a host, and `may_connect` whether one of them is allowed.
    """

    def __init__(
        self,
        origins: Sequence[tuple[str, str, int]],
        max_bytes: int,
        seconds: float,
        *,
        resolve: Callable[[str, int], list[str]] = _resolve,
        may_connect: Callable[[str], bool] = is_public,
    ) -> None:
        self._origins = frozenset(Origin(*each) for each in origins)
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._resolve = resolve
        self._may_connect = may_connect
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    @cached_property
    def _resolvers(self) -> ThreadPoolExecutor:
        # The system's resolver has its own time limit, which may be longer.
        return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="resolve")

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def is_meant(self, body: bytes) -> bool:
        """Return whether JSON may contain a URL."""
        return bool(self._origins) and b'"http' in body

    def fetched(self, samples: Sequence[bytes], files: Files) -> list[bytes]:
        """Return samples (their JSON) with URLs of files replaced by the files.

        Raise Malformed for a URL that is not allowed, or whose file can't be fetched.
        """
        if not self._turns.acquire(timeout=TURN_SECONDS):
            raise Malformed("Too many files are being fetched at the moment; try again.", 503)
        try:
            request = _Request(self._max_bytes, time.monotonic() + self._seconds)

            def of_text(text: str) -> str:
                return self._in_json(text, request) if text.startswith(SCHEMES) else text

            return [
                encode(files.replaced(decode(sample), of_text)) if self.is_meant(sample) else sample
                for sample in samples
            ]
        finally:
            self._turns.release()

    def _in_json(self, url: str, request: "_Request") -> str:
        from nb_scorer.model import binary

        request.urls += 1
        if request.urls > MAX_URLS:
            raise Malformed(f"The request has more than {MAX_URLS} URLs.", 413)
        content, media_type = self.fetch(url, request)
        return binary.data_url(content, media_type)

    def fetch(self, url: str, request: "_Request | None" = None) -> tuple[bytes, str]:
        """Return (content, media type) of the file at a URL; raise Malformed."""
        request = request or _Request(self._max_bytes, time.monotonic() + self._seconds)
        for _ in range(MAX_REDIRECTS + 1):
            origin, target = self._allowed(url)
            try:
                found = self._got(origin, target, request)
            except (TimeoutError, concurrent.futures.TimeoutError) as error:
                raise _not_fetched(origin, "it took longer than S2I_FETCH_TIMEOUT allows") from error
            except ssl.SSLError as error:
                raise _not_fetched(origin, f"TLS failed: {error.reason or error}") from error
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() >= request.until:
                    raise _not_fetched(origin, "it took longer than S2I_FETCH_TIMEOUT allows") from error
                raise _not_fetched(origin, "the connection failed") from error
            if isinstance(found, tuple):
                return found
            try:
                url = urljoin(url, found)
            except ValueError as error:
                raise Malformed(UNREADABLE, 422) from error
        raise Malformed(f"A file was not fetched: {MAX_REDIRECTS} redirects led to another one.", 422)

    def _allowed(self, url: str) -> tuple[Origin, str]:
        """Return (origin, path with query) of a URL; raise Malformed unless its origin is listed."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError as error:
            raise Malformed(UNREADABLE, 422) from error
        origin = Origin(parts.scheme, host, port or PORTS.get(parts.scheme, 0))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if not url.isascii() or not url.isprintable() or " " in url or "@" in parts.netloc or "\\" in url:
            raise Malformed("A file's URL must not contain a user, or characters that must be percent-encoded.", 422)
        if origin not in self._origins:
            text = "This service does not fetch files from {}://{}:{} (S2I_FETCH_HOSTS)."
            raise Malformed(text.format(*origin), 422)
        return origin, target

    def _got(self, origin: Origin, target: str, request: "_Request") -> tuple[bytes, str] | str:
        """Return (content, media type), or the URL to which the server redirects."""
        address = self._address(origin, request)
        sock = socket.create_connection((address, origin.port), timeout=request.left())
        # A server that sends a byte from time to time would never exceed the socket's own timeout.
        held = [sock]
        ender = threading.Timer(request.left(), lambda: _shut(held[-1]))
        ender.daemon = True
        ender.start()
        try:
            if origin.scheme == "https":
                sock = self._tls.wrap_socket(sock, server_hostname=origin.host, do_handshake_on_connect=False)
                held.append(sock)
                sock.do_handshake()
            return _exchanged(origin, target, sock, request)
        finally:
            ender.cancel()
            sock.close()

    def _address(self, origin: Origin, request: "_Request") -> str:
        """Return the address to connect to; raise Malformed if one of the host's is not allowed."""
        try:
            addresses = self._resolvers.submit(self._resolve, origin.host, origin.port).result(request.left())
        except (socket.gaierror, UnicodeError) as error:
            raise _not_fetched(origin, "its name can't be resolved") from error
        if not addresses or not all(map(self._may_connect, addresses)):
            raise _not_fetched(origin, "its address is not public")
        return addresses[0]


class _Request:
    """The bytes and the time that remain for the files of a request."""

    def __init__(self, size: int, until: float) -> None:
        self.size = size
        self.until = until
        self.urls = 0

    def left(self) -> float:
        """Return the remaining seconds; raise TimeoutError if there are none."""
        seconds = self.until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


def _exchanged(origin: Origin, target: str, sock: socket.socket, request: _Request) -> tuple[bytes, str] | str:
    connection = http.client.HTTPConnection(origin.host, origin.port)
    # Already connected, to an address that was checked.
    connection.sock = sock
    name = f"[{origin.host}]" if ":" in origin.host else origin.host
    host = name if origin.port == PORTS[origin.scheme] else f"{name}:{origin.port}"
    connection.putrequest("GET", target, skip_host=True, skip_accept_encoding=True)
    fields = {"Host": host, "Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "nb-builder"}
    for field, value in {**fields, "Connection": "close"}.items():
        connection.putheader(field, value)
    connection.endheaders()
    with connection.getresponse() as response:
        return _content_of(origin, response, request)


def _content_of(origin: Origin, response: http.client.HTTPResponse, request: _Request) -> tuple[bytes, str] | str:
    """Return (content, media type) of a response, or the target of its redirect."""
    if response.status in _REDIRECTS and response.headers.get("Location"):
        return response.headers["Location"]
    if response.status != 200:
        raise _not_fetched(origin, f"it responded with status {response.status}")
    pieces: list[bytes] = []
    # Not read(), which treats everything that follows as a chunk of size -1, whatever size was requested.
    while piece := response.read1(min(_PIECE, request.size + 1)):
        request.size -= len(piece)
        if request.size < 0:
            raise Malformed("The files of this request are larger than this service accepts (S2I_MAX_BODY).", 413)
        pieces.append(piece)
    # If it were cut off here, a response without a length would look complete.
    request.left()
    if response.length:
        raise http.client.IncompleteRead(b"")
    return b"".join(pieces), response.headers.get_content_type()


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The server has closed it in the meantime.
        return


def _not_fetched(origin: Origin, why: str) -> Malformed:
    return Malformed(f"A file at {origin.host} was not fetched: {why}.", 422)
