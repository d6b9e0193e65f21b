"""Who may send requests: the API key, and CORS. Both are off unless a setting turns them on."""

import base64
import binascii
import codecs
import contextlib
import hashlib
import hmac
import os
import stat
import time
from collections.abc import Mapping
from typing import Protocol

from nb_scorer.common import host_names

from nb_service import identity, problems
from nb_service.http import replies
from nb_service.http.replies import Reply
from nb_service.settings import Settings

# Headers of the protocols, in requests and in responses.
_OF_PROTOCOLS = (
    *("Inference-Header-Content-Length", "X-Amzn-SageMaker-Custom-Attributes"),
    *("ce-id", "ce-source", "ce-specversion", "ce-time", "ce-type"),
)
ALLOWED_HEADERS = ", ".join(
    (
        "Authorization",
        "Content-Encoding",
        "Content-Type",
        "X-API-Key",
        "X-Request-ID",
        "traceparent",
        "tracestate",
        *_OF_PROTOCOLS,
    )
)
# Headers that a page of another origin may read, in addition to the few that browsers always allow.
EXPOSED_HEADERS = ", ".join(
    (
        "X-Request-ID",
        *identity.HEADERS,
        "Retry-After",
        "WWW-Authenticate",
        "Accept-Encoding",
        "Content-Encoding",
        *_OF_PROTOCOLS,
    )
)
_EXPOSED = ("Access-Control-Expose-Headers", EXPOSED_HEADERS)
_VARY = ("Vary", "Origin")
PREFLIGHT_SECONDS = 600
# Limited, because the key of each request is compared with every key in the file.
MAX_FILE = 1 << 20
# How often to check a key file for changes, if there are requests.
LOOK_SECONDS = 1.0
# With Basic, browsers ask their user for the key; they can't send another header by themselves.
CHALLENGES = ('Basic realm="predictions", charset="UTF-8"', 'Bearer realm="predictions"')
NO_KEY = replies.problem(
    401,
    "This service requires a key: Authorization: Bearer <key>, or X-API-Key: <key>; "
    "a browser asks for it, as the password of any user.",
    tuple(("WWW-Authenticate", challenge) for challenge in CHALLENGES),
)
FOREIGN = replies.problem(
    403, "A web page from another origin sent this request; S2I_CORS_ORIGINS lists the origins whose pages may."
)
# With these types, or without a body, a page of any origin can send requests without a preflight (Fetch, "CORS
# protocol").
SIMPLE_TYPES = ("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data")

FOREIGN_NAME = replies.problem(
    403,
    "The request's Host is not a name of this service, as in DNS rebinding; S2I_ALLOWED_HOSTS lists the names.",
)
DEFAULT_PORTS = {"http": "80", "https": "443"}


class Keys:
    """The keys in a file, one per line; only their digests are kept.

    The file is read again after a change. If that fails, the previous keys remain valid.
    """

    def __init__(self, path: str) -> None:
        """Read `path`; raise ApiKeyUnreadable if it can't be read or contains no key."""
        self._path = path
        self._state = _state(path)
        self._digests = _digests(path)
        self._look_at = time.monotonic() + LOOK_SECONDS

    def allows(self, authorization: str | None, key: str | None) -> bool:
        """Return whether one of these headers contains a valid key; keys are compared in constant time.

        Headers are text as in WSGI: one character per byte (latin-1). A non-ASCII key is compared by its UTF-8 bytes.
        """
        self._look()
        key_bytes = _key_of(authorization or "") if key is None else _bytes_of(key)
        digest = _digest(key_bytes.strip())
        return sum(hmac.compare_digest(digest, expected) for expected in self._digests) > 0

    def _look(self) -> None:
        """Read the file again if it has changed, for example because a secret was rotated."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        state = _state(self._path)
        if state is not None and state != self._state:
            # While it is rewritten in place, the file may be empty for a moment; the next check reads it again.
            with contextlib.suppress(problems.ApiKeyUnreadable):
                self._digests = _digests(self._path)
        self._state = state


def _state(path: str) -> tuple | None:
    """Return a value that changes with the file; None if it can't be read or is not a regular file.

    A pipe, such as a shell's <(…), can be read only once: opening it again would block every client.
    """
    try:
        status = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _digests(path: str) -> list[bytes]:
    """Return the digests of the keys in a file; raise ApiKeyUnreadable."""
    keys = [line.strip() for line in _content(path).splitlines()]
    digests = [_digest(key) for key in keys if key]
    if not digests:
        raise problems.ApiKeyUnreadable(path, "it contains no key")
    return digests


def _content(path: str) -> bytes:
    """Return the contents of a key file as UTF-8 without a byte order mark; raise ApiKeyUnreadable."""
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_FILE + 1)
        content.decode("utf-8")
    except OSError as error:
        raise problems.ApiKeyUnreadable(path, error.strerror) from error
    except ValueError as error:
        raise problems.ApiKeyUnreadable(path, "it is not text in UTF-8") from error
    if len(content) > MAX_FILE:
        raise problems.ApiKeyUnreadable(path, f"it is larger than {MAX_FILE} bytes")
    return content.removeprefix(codecs.BOM_UTF8)


def _key_of(authorization: str) -> bytes:
    """Return the key in an Authorization header: a bearer token, or the password of any user; otherwise b""."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return _bytes_of(credentials)
    if not is_basic(authorization):
        return b""
    try:
        # In UTF-8, as the challenge requires (RFC 7617, 2.1).
        pair = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
    return pair.partition(b":")[2]


def is_basic(authorization: str | None) -> bool:
    """Return whether an Authorization header uses Basic (RFC 7617), which browsers resend automatically."""
    return (authorization or "").partition(" ")[0].lower() == "basic"


def _bytes_of(header: str) -> bytes:
    """Return the bytes that a client sent; b"" for text that can't have been decoded from bytes."""
    try:
        return header.encode("latin-1")
    except UnicodeEncodeError:
        return b""


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


class Origins:
    """The web pages that may read responses: those of the listed origins, or of any origin for "*"."""

    def __init__(self, listed: tuple[str, ...]) -> None:
        self._listed = frozenset(listed)

    def allows(self, origin: str | None) -> bool:
        """Return whether pages of `origin` may read responses; a request without an origin is not sent by a page."""
        return origin is not None and ("*" in self._listed or origin in self._listed)

    def headers(self, origin: str | None) -> tuple:
        """Return the headers that state who may read the response to a request from `origin`.

        If they depend on the origin, every response has Vary, for shared caches (Fetch, "CORS protocol and HTTP
        caches"). Otherwise, every response has all of them.
        """
        if "*" in self._listed:
            return (("Access-Control-Allow-Origin", "*"), _EXPOSED)
        if self.allows(origin):
            return (("Access-Control-Allow-Origin", origin), _EXPOSED, _VARY)
        return (_VARY,) if self._listed else ()

    def preflight(self, command: str, headers: Mapping[str, str]) -> Reply | None:
        """Return the reply to a CORS preflight request; None for other requests."""
        method = headers.get("access-control-request-method")
        if command != "OPTIONS" or method is None or not self.allows(headers.get("origin")):
            return None
        allowed = (
            ("Access-Control-Allow-Methods", "GET, POST"),
            ("Access-Control-Allow-Headers", ALLOWED_HEADERS),
            ("Access-Control-Max-Age", str(PREFLIGHT_SECONDS)),
        )
        return Reply(204, b"", headers=allowed)


class Asked(Protocol):
    """The interface of a request for the gate: of the front, or of the app if there is no front."""

    command: str
    path: str
    origin_headers: tuple

    @property
    def headers(self) -> Mapping[str, str]:
        """Return its headers: text by lower-case name, one character per byte (latin-1)."""


class Gate:
    """Checks every request before anything else is done for it."""

    def __init__(
        self, keys: Keys | None, origins: Origins, checks: frozenset[str], hosts: frozenset[str] = frozenset()
    ) -> None:
        """Store `checks`, the paths that need no key, and `hosts`, the service's own names (empty: any name)."""
        self._keys = keys
        self._origins = origins
        self._checks = checks
        self._hosts = hosts

    def rejection(self, request: Asked) -> Reply | None:
        """Return the reply that rejects `request` or answers a preflight; None if it may proceed.

        Sets its `origin_headers`, which every response to it must have, including a rejection.
        """
        headers = request.headers
        request.origin_headers = self._origins.headers(headers.get("origin"))
        if self._hosts and not self._is_our_name(headers.get("host", "")):
            return FOREIGN_NAME
        preflight = self._origins.preflight(request.command, headers)
        if preflight is not None or self._keys is None or self._is_check(request):
            return preflight
        if not self._keys.allows(headers.get("authorization"), headers.get("x-api-key")):
            return NO_KEY
        return FOREIGN if self._is_forged(request) else None

    def _is_check(self, request: Asked) -> bool:
        """Return whether this is a health check, which needs no key, because container probes have none."""
        return request.command in ("GET", "HEAD") and request.path in self._checks

    def _is_forged(self, request: Asked) -> bool:
        """Return whether a foreign page made a browser send this, with the password that it stores for our pages."""
        headers = request.headers
        return (
            request.command not in ("GET", "HEAD")
            and is_basic(headers.get("authorization"))
            and _is_of_another_origin(headers)
            and not self._origins.allows(headers.get("origin"))
        )

    def _is_our_name(self, host: str) -> bool:
        """Return whether a Host header names this service, rather than a name that an attacker maps to its address."""
        return host_names.name_in(host) in self._hosts or host_names.is_local(host)


def is_sent_by_foreign_page(headers: Mapping[str, str], listed: tuple[str, ...]) -> bool:
    """Return whether a page of an unlisted origin may have sent this without a preflight request.

    Routes that change state reject such requests: otherwise, a page could control a service without a key on the
    machine of its reader.
    """
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return (
        content_type in SIMPLE_TYPES
        and _is_of_another_origin(headers)
        and not Origins(listed).allows(headers.get("origin"))
    )


def _is_of_another_origin(headers: Mapping[str, str]) -> bool:
    """Return whether the headers show that a page of another origin sent this.

    Browsers omit Sec-Fetch-Site if the service is on another machine without TLS (Fetch Metadata, "potentially
    trustworthy"), but send Origin with every POST.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site in ("cross-site", "same-site")
    return origin is not None and _authority(origin) != _authority(f"http://{headers.get('host', '')}")


def _authority(origin: str) -> str:
    """Return an origin's host, with its port unless that is the scheme's default."""
    scheme, _, authority = origin.lower().partition("://")
    return authority.removesuffix(f":{DEFAULT_PORTS.get(scheme, '')}")


def make_gate(settings: Settings, checks: frozenset[str]) -> Gate:
    """Return the gate for these settings; raise ApiKeyUnreadable."""
    path, origins = settings.api_key_file, settings.cors_origins
    return Gate(Keys(path) if path else None, Origins(origins), checks, settings.allowed_hosts)
