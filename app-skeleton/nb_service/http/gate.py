"""Who may ask: the API key, and the web pages of other origins. Both are off unless a setting turns them on."""

import hashlib
import hmac
from pathlib import Path

from nb_service import problems
from nb_service.http import replies
from nb_service.http.replies import Reply

ALLOWED_HEADERS = "Authorization, Content-Type, X-API-Key, X-Request-ID, traceparent"
PREFLIGHT_SECONDS = 600
NO_KEY = replies.problem(
    401,
    "This service wants a key: Authorization: Bearer <key>, or X-API-Key: <key>.",
    (("WWW-Authenticate", 'Bearer realm="predictions"'),),
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
        scheme, _, bearer = (authorization or "").partition(" ")
        given = key if key is not None else bearer if scheme.lower() == "bearer" else ""
        digest = _digest(given.strip())
        return sum(hmac.compare_digest(digest, right) for right in self._digests) > 0


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
            ("Access-Control-Expose-Headers", "X-Request-ID"),
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
        return None if self._keys.allows(headers.get("AUTHORIZATION"), headers.get("X_API_KEY")) else NO_KEY


def make_gate(got: dict, checks: frozenset[str]) -> Gate:
    """Return the gate that the settings ask for; raise ApiKeyUnreadable."""
    path, origins = got["S2I_API_KEY_FILE"], got["S2I_CORS_ORIGINS"]
    return Gate(Keys(path) if path else None, Origins(origins), checks)
