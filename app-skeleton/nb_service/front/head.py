"""The head of a request: read whole by llhttp in its strict mode, then held against what RFC 9112 leaves to a server.

llhttp (by `httptools`) is the parser of Node: what it refuses, no proxy before us can have understood in another way.
It lets a few things pass that are for a server to judge: versions that do not exist, how many Hosts there are, and
codings beside `chunked`.
"""

import re
from functools import lru_cache

from httptools import HttpParserError, HttpParserInvalidMethodError, HttpParserUpgrade, HttpRequestParser

from nb_service.http import request_id

END = b"\r\n\r\n"
# Heads of browsers and proxies have 1 to 4 kB; servers commonly take 8 to 64.
LONGEST = 1 << 15
# A method and a path beyond it are nobody's, and would fill log and answers.
LONGEST_FIRST_LINE = 8192
# Heads that differ in each request, by an id in them, must not fill the memory.
LONGEST_REMEMBERED = 2048
MOST_REMEMBERED = 512
VERSIONS = ("1.1", "1.0")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# A name, or an address of IPv6 in brackets (RFC 3986, section 3.2.2), and perhaps a port.
_HOST = re.compile(rb"(?:\[[0-9A-Za-z:.%]+\]|[0-9A-Za-z._~%!$&'()*+;=-]*)(?::[0-9]{0,5})?")


class Unreadable(Exception):
    """A request that is not HTTP as this server speaks it: the status to refuse it with, and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Head:
    """What the head of a request says; the same for all requests with that head, and not to be changed.

    `fields` has the header fields as they came, in lower case, several of one name joined by commas; `length` is
    that of the body, None where it comes in chunks; `target` is what was asked for in origin form, `raw_path` and
    `path` the same without the query, as it was sent. `request_id` is the client's own, if any. `is_for_pool` is
    for the front, which notes there, once for all requests with that head, whether a scorer takes their bodies.
    """

    __slots__ = (
        "command",
        "expects_continue",
        "fields",
        "headers",
        "is_for_pool",
        "keeps_alive",
        "length",
        "path",
        "raw_path",
        "request_id",
        "target",
        "version",
    )

    def __init__(self) -> None:
        self.fields: dict[bytes, bytes] = {}
        self.headers: dict[str, str] = {}  # the fields as text, decoded as HTTP does (ISO 8859-1)
        self.target = self.raw_path = b"-"
        self.command = self.path = "-"
        self.version = "1.1"
        self.length: int | None = 0
        self.keeps_alive = self.expects_continue = False
        self.request_id: str | None = None
        self.is_for_pool: bool | None = None

    # --- called by llhttp ---

    def on_url(self, url: bytes) -> None:
        """Note the target; long ones come in pieces."""
        self.target = url if self.target == b"-" else self.target + url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a field; whitespace around its value is none of it."""
        name = name.lower()
        if name in self.fields:
            if name == b"host":
                raise Unreadable(400, "it has two Host fields")
            joint = b"; " if name == b"cookie" else b", "
            self.fields[name] += joint + value.strip(b" \t")
        else:
            self.fields[name] = value.rstrip(b" \t")


class Request:
    """One request: its head, and what is noted about it until it is answered."""

    __slots__ = ("asked_at", "command", "head", "held", "origin_headers", "path", "request_id", "route")

    def __init__(self, head: Head) -> None:
        self.head = head
        self.command = head.command
        self.path = head.path
        self.request_id = head.request_id or request_id.new()
        self.route: str | None = None
        self.origin_headers: tuple = ()
        self.asked_at = 0.0
        self.held = 0  # bytes that the budget counts for it

    @property
    def headers(self) -> dict[str, str]:
        """Return the header fields as text."""
        return self.head.headers


def read(head: bytes) -> Head:
    """Return what `head`, up to and with the empty line, says; raise Unreadable.

    A client sends the same one with each of its samples: short ones are remembered.
    """
    return _remembered(head) if len(head) <= LONGEST_REMEMBERED else parse(head)


def parse(head: bytes) -> Head:
    """Return what `head` says, up to and with the empty line; raise Unreadable."""
    request = Head()
    parser = HttpRequestParser(request)
    # Empty lines before a request are passed over (RFC 9112, section 2.2).
    head = head.lstrip(b"\r\n")
    if head.find(b"\r\n") > LONGEST_FIRST_LINE:
        raise Unreadable(400, f"its first line has more than {LONGEST_FIRST_LINE} bytes")
    try:
        parser.feed_data(head)
    except HttpParserUpgrade:
        # An offer to speak another protocol, which a server may pass over (RFC 9110, section 7.8).
        pass
    except HttpParserInvalidMethodError as error:
        if _TOKEN.fullmatch(head.partition(b" ")[0]):
            raise Unreadable(501, "its method is not one of HTTP's") from error
        raise Unreadable(400, "it does not begin with a method") from error
    except HttpParserError as error:
        raise _cause(error) from error
    request.command = parser.get_method().decode("ascii")
    request.version = parser.get_http_version()
    _check(request)
    request.keeps_alive = _keeps_alive(request)
    request.headers = {name.decode("latin-1"): text.decode("latin-1") for name, text in request.fields.items()}
    request.request_id = request_id.given(request.headers)
    return request


_remembered = lru_cache(MOST_REMEMBERED)(parse)


def check_begin(data: bytes) -> None:
    """Raise Unreadable where `data`, which has no empty line yet, can't become the head of a request any more."""
    begin = data.lstrip(b"\r\n")
    if len(begin) > LONGEST:
        raise Unreadable(431, "its header fields are larger than this service takes")
    if begin and not begin[:1].isalpha():
        raise Unreadable(400, "it does not begin with a method")
    if begin.count(b"\n") != begin.count(b"\r\n"):
        raise Unreadable(400, "a line of its head does not end with CR and LF")


def _cause(error: HttpParserError) -> Unreadable:
    """Return what is wrong with a head: what one of our own callbacks raised, or llhttp's words."""
    cause = error.__context__
    if isinstance(cause, Unreadable):
        return cause
    return Unreadable(400, words_of(error))


def words_of(error: HttpParserError) -> str:
    """Return llhttp's words for what is wrong, as the end of a sentence of ours."""
    words = str(error).rstrip(".")
    # Names of header fields stay as they are.
    return words[:1].lower() + words[1:] if words.split(" ")[0][1:].islower() else words


def _check(request: Head) -> None:
    """Set what follows from the fields; raise Unreadable for what llhttp lets pass and a server must not."""
    fields = request.fields
    if request.version not in VERSIONS:
        raise Unreadable(505, f"HTTP/{request.version} is not spoken here")
    if request.version == "1.1" and b"host" not in fields:
        raise Unreadable(400, "it has no Host field")
    if not _is_host(fields.get(b"host", b"")):
        raise Unreadable(400, "its Host field names no host")
    coding = fields.get(b"transfer-encoding")
    if coding is not None:
        if request.version != "1.1":
            raise Unreadable(400, "Transfer-Encoding is none of HTTP/1.0")
        if coding.lower() != b"chunked":
            raise Unreadable(501, "only chunked is read as Transfer-Encoding")
        request.length = None
    else:
        request.length = int(fields.get(b"content-length", 0))
    request.raw_path = _origin_form(request)
    request.path = request.raw_path.decode("latin-1")
    if fields.get(b"expect", b"").lower() == b"100-continue" and request.version == "1.1":
        request.expects_continue = request.length != 0


def _origin_form(request: Head) -> bytes:
    """Make the target one in origin form (RFC 9112, section 3.2); return its path, `*` for the server itself."""
    target = request.target
    if not target.startswith(b"/"):
        if target == b"*":
            return target
        scheme, mark, rest = target.partition(b"://")
        if not mark or scheme.lower() not in (b"http", b"https"):
            raise Unreadable(400, "its target is neither a path nor a URL of HTTP")
        authority, slash, path = rest.partition(b"/")
        if not slash:
            authority, question, query = authority.partition(b"?")
            path = question + query
        if not authority or not _is_host(authority):
            raise Unreadable(400, "its target names no host")
        # The host of a URL counts, and not the field's (RFC 9112, section 3.2.2).
        request.fields[b"host"] = authority
        request.target = target = b"/" + path
    if b"#" in target:
        raise Unreadable(400, "its target has a fragment")
    return target.partition(b"?")[0]


def _is_host(value: bytes) -> bool:
    """Return whether `value` can be a host with or without port; an empty one can (RFC 9112, section 3.2)."""
    return _HOST.fullmatch(value) is not None


def _keeps_alive(request: Head) -> bool:
    """Return whether the client wants to go on with this connection (RFC 9112, section 9.3)."""
    connection = request.fields.get(b"connection")
    if connection is None:
        return request.version == "1.1"
    words = {word.strip() for word in connection.lower().split(b",")}
    return b"close" not in words and (request.version == "1.1" or b"keep-alive" in words)
