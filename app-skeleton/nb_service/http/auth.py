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
# What a page of another origin may read in addition to the few headers that browsers always allow.
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
# Bounded, since each request's key is compared with every key in the file.
MAX_FILE = 1 << 20
# How often a file of keys is looked at, if there are requests.
LOOK_SECONDS = 1.0
# Basic makes a browser ask its user for the key, who could not send another header.
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
# A page of any origin can have its browser send a body of these types, or of none, without asking first (Fetch, "CORS
# protocol").
SIMPLE_TYPES = ("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data")

FOREIGN_NAME = replies.problem(
    403,
    "The request's Host is not a name of this service, as in DNS rebinding; S2I_ALLOWED_HOSTS lists the names.",
)
DEFAULT_PORTS = {"http": "80", "https": "443"}


class Keys:
    """The keys of a file, one a line; only their digests are kept.

    The file is read again after it has changed. While it can't be read then, the keys that it had remain valid.
    """

    def __init__(self, path: str) -> None:
        """Read `path`; raise ApiKeyUnreadable if it can't be read or holds no key."""
        self._path = path
        self._state = _state(path)
        self._digests = _digests(path)
        self._look_at = time.monotonic() + LOOK_SECONDS

    def allows(self, authorization: str | None, key: str | None) -> bool:
        """Return whether one of these headers has a valid key; keys are compared in constant time.

        Headers are text as in WSGI: one character a byte (latin-1). A key beyond ASCII is compared by its UTF-8 bytes.
        """
        self._look()
        key_bytes = _key_of(authorization or "") if key is None else _bytes_of(key)
        digest = _digest(key_bytes.strip())
        return sum(hmac.compare_digest(digest, expected) for expected in self._digests) > 0

    def _look(self) -> None:
        """Read the file again if it is another one than before, such as a secret that was rotated."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        state = _state(self._path)
        if state is not None and state != self._state:
            # Written to in place, it may be empty for a moment; it then has another state at the next look.
            with contextlib.suppress(problems.ApiKeyUnreadable):
                self._digests = _digests(self._path)
        self._state = state


def _state(path: str) -> tuple | None:
    """Return what differs after a change of the file; None if it can't be read or is not a regular file.

    A pipe, such as <(…) of a shell, can be read once: to open it again would have every client wait for ever.
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
    """Return the content of a file of keys, in UTF-8 and without a byte order mark; raise ApiKeyUnreadable."""
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
    """Return the key in an Authorization header: a bearer token, or any user's password; b"" where there is none."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return _bytes_of(credentials)
    if not is_basic(authorization):
        return b""
    try:
        # In UTF-8, as the challenge says (RFC 7617, 2.1).
        pair = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
    return pair.partition(b":")[2]


def is_basic(authorization: str | None) -> bool:
    """Return whether an Authorization header has a user and a password (RFC 7617), which browsers resend unasked."""
    return (authorization or "").partition(" ")[0].lower() == "basic"


def _bytes_of(header: str) -> bytes:
    """Return the bytes that a client sent; b"" for text that no server decodes from bytes."""
    try:
        return header.encode("latin-1")
    except UnicodeEncodeError:
        return b""


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


class Origins:
    """Which web pages may read answers: those of the listed origins, or of any for "*"."""

    def __init__(self, listed: tuple[str, ...]) -> None:
        self._listed = frozenset(listed)

    def allows(self, origin: str | None) -> bool:
        """Return whether pages of `origin` may read answers; a request without one comes from no page."""
        return origin is not None and ("*" in self._listed or origin in self._listed)

    def headers(self, origin: str | None) -> tuple:
        """Return the headers that say who may read the answer to a request from `origin`.

        Where they depend on the origin, each answer has Vary, for caches that share answers (Fetch, "CORS protocol and
        HTTP caches"). Where they do not, each answer has them all.
        """
        if "*" in self._listed:
            return (("Access-Control-Allow-Origin", "*"), _EXPOSED)
        if self.allows(origin):
            return (("Access-Control-Allow-Origin", origin), _EXPOSED, _VARY)
        return (_VARY,) if self._listed else ()

    def preflight(self, command: str, headers: Mapping[str, str]) -> Reply | None:
        """Return the answer to a CORS preflight request; None where this is not one."""
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
    """A request as the gate needs it: the front's, or the app's where there is no front."""

    command: str
    path: str
    origin_headers: tuple

    @property
    def headers(self) -> Mapping[str, str]:
        """Return its header fields: text by names in lower case, one character a byte (latin-1)."""


class Gate:
    """Checks every request before anything else is done for it."""

    def __init__(
        self, keys: Keys | None, origins: Origins, checks: frozenset[str], hosts: frozenset[str] = frozenset()
    ) -> None:
        """Take the paths that need no key as `checks`, and the service's own names as `hosts`: none for any."""
        self._keys = keys
        self._origins = origins
        self._checks = checks
        self._hosts = hosts

    def refusal(self, request: Asked) -> Reply | None:
        """Return the reply that refuses `request` or answers a preflight, None where it may go on.

        Sets its `origin_headers`, which every response to it must have, also a refusal.
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
        """Return whether this is a health check, which needs no key: what probes a container has none."""
        return request.command in ("GET", "HEAD") and request.path in self._checks

    def _is_forged(self, request: Asked) -> bool:
        """Return whether a foreign page made a browser send this, with the password that it keeps for our pages."""
        headers = request.headers
        return (
            request.command not in ("GET", "HEAD")
            and is_basic(headers.get("authorization"))
            and _is_of_another_origin(headers)
            and not self._origins.allows(headers.get("origin"))
        )

    def _is_our_name(self, host: str) -> bool:
        """Return whether a Host names this service, and not merely an address that somebody's name server gave it."""
        return host_names.name_in(host) in self._hosts or host_names.is_local(host)


def is_sent_by_foreign_page(headers: Mapping[str, str], listed: tuple[str, ...]) -> bool:
    """Return whether a page of an origin that is not `listed` may have sent this, and its browser has not asked first.

    Routes that change something reject that: a page could reach a service without a key on its reader's own machine.
    """
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return (
        content_type in SIMPLE_TYPES
        and _is_of_another_origin(headers)
        and not Origins(listed).allows(headers.get("origin"))
    )


def _is_of_another_origin(headers: Mapping[str, str]) -> bool:
    """Return whether a browser says that a page of another origin sent this.

    It leaves Sec-Fetch-Site out where the service is reached by HTTP and is not on its own machine (Fetch Metadata,
    "potentially trustworthy"); Origin it sends with every POST.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site in ("cross-site", "same-site")
    return origin is not None and _authority(origin) != _authority(f"http://{headers.get('host', '')}")


def _authority(origin: str) -> str:
    """Return an origin's host, and its port if that is not its scheme's own."""
    scheme, _, authority = origin.lower().partition("://")
    return authority.removesuffix(f":{DEFAULT_PORTS.get(scheme, '')}")


def make_gate(settings: Settings, checks: frozenset[str]) -> Gate:
    """Return the gate that the settings ask for; raise ApiKeyUnreadable."""
    path, origins = settings.api_key_file, settings.cors_origins
    return Gate(Keys(path) if path else None, Origins(origins), checks, settings.allowed_hosts)
