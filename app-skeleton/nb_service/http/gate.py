"""Who may ask: the API key, and the web pages of other origins. Both are off unless a setting turns them on."""

import base64
import binascii
import hashlib
import hmac
from pathlib import Path

from nb_service import identity, problems
from nb_service.http import replies
from nb_service.http.replies import Reply

# Headers of the protocols, which come and go.
_OF_PROTOCOLS = (
    *("Inference-Header-Content-Length", "X-Amzn-SageMaker-Custom-Attributes"),
    *("ce-id", "ce-source", "ce-specversion", "ce-time", "ce-type"),
)
ALLOWED_HEADERS = ", ".join(
    ("Authorization", "Content-Type", "X-API-Key", "X-Request-ID", "traceparent", "tracestate", *_OF_PROTOCOLS)
)
# What a page of another origin may read beside the few headers that browsers always let it.
EXPOSED_HEADERS = ", ".join(("X-Request-ID", *identity.HEADERS, "Retry-After", "WWW-Authenticate", *_OF_PROTOCOLS))
PREFLIGHT_SECONDS = 600
# The first makes a browser ask whoever sits before it, who can send no other header.
CHALLENGES = ('Basic realm="predictions", charset="UTF-8"', 'Bearer realm="predictions"')
NO_KEY = replies.problem(
    401,
    "This service wants a key: Authorization: Bearer <key>, or X-API-Key: <key>; "
    "a browser asks for it, as the password of any user.",
    tuple(("WWW-Authenticate", challenge) for challenge in CHALLENGES),
)
FOREIGN = replies.problem(
    403,
    "A page of another origin sent this with a key that the browser had kept; S2I_CORS_ORIGINS lists those that may.",
)


class Keys:
    """The keys of a file, one a line; only their digests are kept."""

    def __init__(self, path: str) -> None:
        """Read `path`; raise ApiKeyUnreadable if it can't be read or holds no key."""
        try:
            lines = Path(path).read_text("utf-8").splitlines()
        except (OSError, ValueError) as wrong:
            raise problems.ApiKeyUnreadable(path, getattr(wrong, "strerror", None) or "it is not text") from wrong
        self._digests = [_digest(line.strip()) for line in lines if line.strip()]
        if not self._digests:
            raise problems.ApiKeyUnreadable(path, "there is no key in it")

    def allows(self, authorization: str | None, key: str | None) -> bool:
        """Return whether one of these headers has a right key, in a time that does not tell how near it was."""
        given = key if key is not None else _key_in(authorization or "")
        digest = _digest(given.strip())
        return sum(hmac.compare_digest(digest, right) for right in self._digests) > 0


def _key_in(authorization: str) -> str:
    """Return the key of an Authorization header, "" where it has none: a bearer's token, or any user's password."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return credentials
    if not is_basic(authorization):
        return ""
    try:
        pair = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        return ""
    return pair.partition(b":")[2].decode("utf-8", "surrogateescape")


def is_basic(authorization: str | None) -> bool:
    """Return whether an Authorization header has a user and a password (RFC 7617), which browsers send unasked."""
    return (authorization or "").partition(" ")[0].lower() == "basic"


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


class Origins:
    """Which web pages may read answers: those of the listed origins, or of any for "*"."""

    def __init__(self, listed: tuple[str, ...]) -> None:
        self._listed = frozenset(listed)

    def headers(self, origin: str | None) -> tuple:
        """Return the headers that let a page of `origin` read the answer; none where it is not listed."""
        if origin is None or not ("*" in self._listed or origin in self._listed):
            return ()
        return (
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Expose-Headers", EXPOSED_HEADERS),
            ("Vary", "Origin"),
        )

    def preflight(self, command: str, headers: dict) -> Reply | None:
        """Return the answer to a browser's question whether it may ask; None where this is no such question."""
        asked = headers.get("ACCESS_CONTROL_REQUEST_METHOD")
        if command != "OPTIONS" or asked is None or not self.headers(headers.get("ORIGIN")):
            return None
        allowed = (
            ("Access-Control-Allow-Methods", "GET, POST"),
            ("Access-Control-Allow-Headers", ALLOWED_HEADERS),
            ("Access-Control-Max-Age", str(PREFLIGHT_SECONDS)),
        )
        return Reply(204, b"", headers=allowed)


class Gate:
    """Asked about every request before anything else is done for it."""

    def __init__(self, keys: Keys | None, origins: Origins, checks: frozenset[str]) -> None:
        self._keys = keys
        self._origins = origins
        self._checks = checks

    def refusal(self, request) -> Reply | None:
        """Return what to answer instead of doing what is asked, or None; note the headers for its origin."""
        headers = request.headers
        request.origin_headers = self._origins.headers(headers.get("ORIGIN"))
        preflight = self._origins.preflight(request.command, headers)
        if preflight is not None or self._keys is None or request.path in self._checks:
            return preflight
        if not self._keys.allows(headers.get("AUTHORIZATION"), headers.get("X_API_KEY")):
            return NO_KEY
        return FOREIGN if self._is_forged(request) else None

    def _is_forged(self, request) -> bool:
        """Return whether a page that is not listed had a browser send this, with what it keeps for our own pages."""
        headers = request.headers
        return (
            request.command not in ("GET", "HEAD")
            and headers.get("SEC_FETCH_SITE") in ("cross-site", "same-site")
            and is_basic(headers.get("AUTHORIZATION"))
            and not request.origin_headers
        )


def make_gate(got: dict, checks: frozenset[str]) -> Gate:
    """Return the gate that the settings ask for; raise ApiKeyUnreadable."""
    path, origins = got["S2I_API_KEY_FILE"], got["S2I_CORS_ORIGINS"]
    return Gate(Keys(path) if path else None, Origins(origins), checks)
