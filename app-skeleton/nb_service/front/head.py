"""Parses the head of a request with llhttp in strict mode, and checks what RFC 9112 leaves to the server.

llhttp (used through `httptools`) is Node's parser. It rejects requests that a proxy in front of the service may have
interpreted differently. It leaves a few checks to the server: versions that don't exist, the number of Host headers,
and transfer codings other than `chunked`.
"""

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from httptools import HttpParserError, HttpParserInvalidMethodError, HttpParserUpgrade, HttpRequestParser

from nb_service.http import request_id, routes

if TYPE_CHECKING:
    from nb_service.http.streaming import Form

END = b"\r\n\r\n"
# Heads from browsers and proxies have 1 to 4 kB; servers commonly accept 8 to 64 kB.
MAX_LENGTH = 1 << 15
# Real methods and paths are shorter, and longer ones would fill the log.
MAX_FIRST_LINE = 8192
# Heads that differ in each request, for example by an id, must not fill memory: the cache has a megabyte at most.
MAX_REMEMBERED_LENGTH = 2048
MAX_REMEMBERED = 512
VERSIONS = ("1.1", "1.0")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# A name or an IPv6 address in brackets (RFC 3986, section 3.2.2), and an optional port.
_HOST = re.compile(rb"(?:\[[0-9A-Za-z:.%]+\]|[0-9A-Za-z._~%!$&'()*+;=-]*)(?::[0-9]{0,5})?")


# The first bytes from a client that assumes that a server supports HTTP/2 (RFC 9113, section 3.4).
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\n"


class Unreadable(Exception):
    """A request is not valid HTTP; has the status of the rejection, and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Head:
    """A parsed head, shared by all requests with the same bytes, so it must not be modified.

    `fields` are the headers by lower-case name; several of one name are joined by commas. `length` is the body's, None
    if chunked. `target` is the request target in origin form; `raw_path` and `path` are the same without the query,
    as the app's routes match them. `request_id` is the client's own, if any. `is_for_pool` caches, for all requests
    with this head, whether a scorer can take their bodies; `file_prefix` precedes a body that is a file, and `call`
    contains predictor's parameters. `stream` is how items are sent one by one, None for a prediction in one piece, and
    `route` is the path for log and metrics.
    """

    __slots__ = (
        "call",
        "command",
        "expects_continue",
        "fields",
        "file_prefix",
        "headers",
        "is_for_pool",
        "keeps_alive",
        "length",
        "path",
        "raw_path",
        "request_id",
        "route",
        "stream",
        "target",
        "version",
    )

    def __init__(self) -> None:
        self.fields: dict[bytes, bytes] = {}
        self.headers: dict[str, str] = {}  # the headers as text, decoded as HTTP requires (ISO 8859-1)
        self.target = self.raw_path = b"-"
        self.command = self.path = "-"
        self.version = "1.1"
        self.length: int | None = 0
        self.keeps_alive = self.expects_continue = False
        self.request_id: str | None = None
        self.is_for_pool: bool | None = None
        self.call = self.file_prefix = b""
        self.stream: Form | None = None
        self.route = ""

    # --- called by llhttp ---

    def on_url(self, url: bytes) -> None:
        """Record the target; llhttp passes long ones in pieces."""
        self.target = url if self.target == b"-" else self.target + url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Record a header, without the whitespace around its value; raise Unreadable for a second Host."""
        name = name.lower()
        if name in self.fields:
            if name == b"host":
                raise Unreadable(400, "it has two Host headers")
            separator = b"; " if name == b"cookie" else b", "
            self.fields[name] += separator + value.strip(b" \t")
        else:
            self.fields[name] = value.rstrip(b" \t")


class Request:
    """One request: its head, and its state until the response is sent."""

    __slots__ = ("asked_at", "command", "head", "held", "origin_headers", "path", "request_id", "route")

    def __init__(self, head: Head) -> None:
        self.head = head
        self.command = head.command
        self.path = head.path
        self.request_id = head.request_id or request_id.new()
        self.route: str | None = None
        self.origin_headers: tuple = ()
        self.asked_at = 0.0
        self.held = 0  # its bytes in the budget

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers as text."""
        return self.head.headers


def read(data: bytes) -> Head:
    """Return the head in `data`, which ends with the empty line; raise Unreadable.

    A client sends the same head with each of its samples, so short ones are cached.
    """
    return _remembered(data) if len(data) <= MAX_REMEMBERED_LENGTH else parse(data)


def parse(data: bytes) -> Head:
    """Return the head in `data`, which ends with the empty line, without the cache; raise Unreadable."""
    head = Head()
    parser = HttpRequestParser(head)
    # A server ignores empty lines before a request (RFC 9112, section 2.2).
    data = data.lstrip(b"\r\n")
    if data.find(b"\r\n") > MAX_FIRST_LINE:
        raise Unreadable(400, f"its first line has more than {MAX_FIRST_LINE} bytes")
    try:
        parser.feed_data(data)
    except HttpParserUpgrade:
        # The client offers to switch protocols, which a server may ignore (RFC 9110, section 7.8).
        pass
    except HttpParserInvalidMethodError as error:
        if _TOKEN.fullmatch(data.partition(b" ")[0]):
            raise Unreadable(501, "its method is not an HTTP method") from error
        raise Unreadable(400, "it does not start with a method") from error
    except HttpParserError as error:
        raise _cause(error) from error
    head.command = parser.get_method().decode("ascii")
    head.version = parser.get_http_version()
    _check(head)
    head.keeps_alive = _keeps_alive(head)
    head.headers = {name.decode("latin-1"): text.decode("latin-1") for name, text in head.fields.items()}
    head.request_id = request_id.from_client(head.headers)
    return head


_remembered = lru_cache(MAX_REMEMBERED)(parse)


def check_begin(data: bytes) -> None:
    """Raise Unreadable if `data`, which has no empty line yet, can't become a valid head."""
    begin = data.lstrip(b"\r\n")
    if len(begin) > MAX_LENGTH:
        raise Unreadable(431, "its header fields are larger than this service accepts")
    if begin and not begin[:1].isalpha():
        raise Unreadable(400, "it does not start with a method")
    if begin.count(b"\n") != begin.count(b"\r\n"):
        raise Unreadable(400, "a line of its head does not end with CR and LF")


def _cause(error: HttpParserError) -> Unreadable:
    """Return why a head is invalid: the exception of one of our callbacks, or llhttp's message."""
    cause = error.__context__
    if isinstance(cause, Unreadable):
        return cause
    return Unreadable(400, message_of(error))


def message_of(error: HttpParserError) -> str:
    """Return llhttp's message in a form that can end a sentence."""
    message = str(error).rstrip(".")
    # A message may start with the name of a header, which keeps its case.
    return message[:1].lower() + message[1:] if message.split(" ")[0][1:].islower() else message


def _check(head: Head) -> None:
    """Set the values derived from the headers; raise Unreadable for what llhttp accepts but a server must reject."""
    fields = head.fields
    if head.version not in VERSIONS:
        raise Unreadable(505, f"HTTP/{head.version} is not supported")
    if head.version == "1.1" and b"host" not in fields:
        raise Unreadable(400, "it has no Host header")
    if not _is_host(fields.get(b"host", b"")):
        raise Unreadable(400, "its Host header contains no host")
    coding = fields.get(b"transfer-encoding")
    if coding is not None:
        if head.version != "1.1":
            raise Unreadable(400, "HTTP/1.0 has no Transfer-Encoding")
        if coding.lower() != b"chunked":
            raise Unreadable(501, "the only supported Transfer-Encoding is chunked")
        head.length = None
    else:
        head.length = int(fields.get(b"content-length", 0))
    head.path = routes.decoded(_origin_form(head).decode("latin-1"))
    head.raw_path = head.path.encode("latin-1")
    if fields.get(b"expect", b"").lower() == b"100-continue" and head.version == "1.1":
        head.expects_continue = head.length != 0


def _origin_form(head: Head) -> bytes:
    """Convert the target to origin form (RFC 9112, section 3.2); return its path, `*` for the server itself."""
    target = head.target
    if not target.startswith(b"/"):
        if target == b"*":
            return target
        scheme, delimiter, rest = target.partition(b"://")
        if not delimiter or scheme.lower() not in (b"http", b"https"):
            raise Unreadable(400, "its target is neither a path nor an HTTP URL")
        authority, slash, path = rest.partition(b"/")
        if not slash:
            authority, question_mark, query = authority.partition(b"?")
            path = question_mark + query
        if not authority or not _is_host(authority):
            raise Unreadable(400, "its target contains no host")
        # The URL's host takes precedence over the Host header (RFC 9112, section 3.2.2).
        head.fields[b"host"] = authority
        head.target = target = b"/" + path
    if b"#" in target:
        raise Unreadable(400, "its target has a fragment")
    return target.partition(b"?")[0]


def _is_host(value: bytes) -> bool:
    """Return whether `value` can be a host, with or without a port; it may be empty (RFC 9112, section 3.2)."""
    return _HOST.fullmatch(value) is not None


def _keeps_alive(head: Head) -> bool:
    """Return whether the client wants this connection to stay open (RFC 9112, section 9.3)."""
    connection = head.fields.get(b"connection")
    if connection is None:
        return head.version == "1.1"
    options = {option.strip() for option in connection.lower().split(b",")}
    return b"close" not in options and (head.version == "1.1" or b"keep-alive" in options)
