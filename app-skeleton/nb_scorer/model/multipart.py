"""Finds the parts of a form (multipart/form-data, RFC 7578) in a body without copying.

Like werkzeug, it accepts line breaks without CR or LF, and quotes escaped as in HTML or HTTP.
"""

import re
import urllib.parse

MULTIPART = "multipart/form-data"
# A list of files has as many parts.
MAX_PARTS = 1000
# The limit for the headers of one part. Browsers send less than a kilobyte.
MAX_HEADER_BYTES = 1 << 14
# RFC 2046 allows 70 characters.
MAX_BOUNDARY = 200
# A token in RFC 9110.
_WORD = r"[\w!#$%&'*+\-.^`|~]+"
_PARAMETER = re.compile(r";[ \t]*(" + _WORD + r")=(?:(" + _WORD + r')|"((?:\\[\\"]|[^"\\]|\\(?![\\"]))*)")?', re.ASCII)
_CHARSET = re.compile(r"({0}*)'{0}*'((?:{0}|')+)".format(r"[\w!#$%&*+\-.^`|~]"), re.ASCII)
_ENCODINGS = frozenset(("ascii", "us-ascii", "utf-8", "iso-8859-1"))
_ESCAPED = re.compile(r"\\(.)")
_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_LINE_BREAK = re.compile(rb"\r\n|\n|\r")
_CONTINUED = re.compile(rb"(?:\r\n|\n|\r)[ \t]")
# What follows a boundary: the end of the form, or of the line.
_BEHIND = re.compile(rb"(?:(--)|[ \t\f\v]*(?:\r\n|\n|\r))")


class UnreadableForm(Exception):
    """The body is not a form, or has too many parts; `status` is that of the response."""

    def __init__(self, detail, status=400):
        super().__init__(detail)
        self.status = status


class FormPart(object):
    """A part of a form: its name, its file name and media type or None, and the start and end of its content."""

    __slots__ = ("end", "file_name", "media_type", "name", "start")

    def __init__(self, name, file_name, media_type, start, end):
        self.name = name
        self.file_name = file_name
        self.media_type = media_type
        self.start = start
        self.end = end


def options(value):
    """Return (value, its parameters) of a header."""
    first, semicolon, rest = value.partition(";")
    first, rest, position = first.strip(" \t"), semicolon + rest, 0
    found: dict = {}
    while True:
        match = _PARAMETER.search(rest, position) if first else None
        if match is None:
            return first, found
        name, token, quoted = match.group(1).lower(), match.group(2), match.group(3)
        position = match.end()
        if token is None and quoted is None:
            if rest.startswith('"', position):
                # The closing quote is missing.
                return first, found
            continue
        if name.endswith("*"):
            found[name[:-1]] = _from_percents(match.group()[match.group().index("=") + 1 :])
        else:
            found[name] = (token or _ESCAPED.sub(r"\1", quoted or "")).replace("%22", '"')


def _from_percents(value):
    """Decode a value with its character set, such as utf-8''%C3%BC."""
    match = _CHARSET.match(value)
    if match is None:
        return value
    encoding, rest = match.group(1).lower(), match.group(2)
    return urllib.parse.unquote(rest, encoding) if encoding in _ENCODINGS else rest


def boundary_of(content_type):
    """Return the boundary in this Content-Type; None for another type or an invalid boundary."""
    kind, parameters = options(content_type)
    boundary = parameters.get("boundary", "")
    if kind.lower() != MULTIPART or not 0 < len(boundary) <= MAX_BOUNDARY or not boundary.isprintable():
        return None
    try:
        boundary.encode("ascii")
    except UnicodeEncodeError:
        return None
    return boundary


def parts(body, boundary, begin=0):
    """Yield a FormPart for each part of the form that starts at `begin` in `body`; raise UnreadableForm."""
    delimiter = b"--" + boundary.encode("ascii")
    _, position, is_last = _next_delimiter(body, delimiter, begin, True)
    count = 0
    while not is_last:
        blank = _BLANK_LINE.search(body, position, position + MAX_HEADER_BYTES)
        if blank is None:
            raise UnreadableForm("The form ends too early, or a part of it has a head above 16 kB.")
        count += 1
        if count > MAX_PARTS:
            raise UnreadableForm("The form has more than {} parts.".format(MAX_PARTS), 413)
        fields = _fields(body[position : blank.start()])
        # The second line break of the blank line may belong to the next delimiter.
        middle = (blank.start() + blank.end()) // 2
        start = _LINE_BREAK.match(body, middle).end()
        end, position, is_last = _next_delimiter(body, delimiter, middle, False)
        yield _part(fields, start, max(start, end))


def _next_delimiter(body, delimiter, position, is_first):
    """Return (end of the content before the next delimiter, start of the next line, whether it is the last).

    `is_first` is whether it may appear without a preceding line break.
    """
    at = body.find(delimiter, position)
    behind = None if at < 0 else _BEHIND.match(body, at + len(delimiter))
    begin = at if is_first or at < 0 else _begin_of_break(body, position, at)
    if at < 0 or (behind is not None and (begin < at or is_first)):
        found = behind
    else:
        # The content resembles the boundary, perhaps millions of times; a regular expression finds the end fast.
        found = _pattern(delimiter, is_first).search(body, position)
        begin = -1 if found is None else found.start()
    if found is None:
        raise UnreadableForm("The form ends too early: its last boundary is missing.")
    return begin, found.end(), found.group(1) is not None


def _begin_of_break(body, position, at):
    """Return where the line break before `at` begins, at `position` or behind it; `at` if there is none."""
    for length, line_break in ((2, b"\r\n"), (1, b"\n"), (1, b"\r")):
        if at - length >= position and body[at - length : at] == line_break:
            return at - length
    return at


def _pattern(delimiter, is_first):
    """Return the pattern of a whole delimiter, with the line break before it unless it `is_first`."""
    line_break = b"" if is_first else b"(?:" + _LINE_BREAK.pattern + b")"
    return re.compile(line_break + re.escape(delimiter) + _BEHIND.pattern)


def _fields(head):
    """Return the headers of a part, by lower-case name; raise UnreadableForm."""
    found: dict = {}
    for line in _LINE_BREAK.split(_CONTINUED.sub(b" ", head)):
        try:
            name, _, value = line.decode("utf-8").partition(":")
        except UnicodeDecodeError:
            raise UnreadableForm("The form has a part whose head is not text in UTF-8.") from None
        found.setdefault(name.strip(" \t").lower(), value.strip(" \t"))
    return found


def _part(fields, start, end):
    if "content-disposition" not in fields:
        raise UnreadableForm("The form has a part without Content-Disposition.")
    parameters = options(fields["content-disposition"])[1]
    if "name" not in parameters:
        raise UnreadableForm("The form has a part without a name.")
    media_type = fields.get("content-type", "").partition(";")[0].strip().lower() or None
    return FormPart(parameters["name"], parameters.get("filename"), media_type, start, end)
