"""Boundaries between requests: one table, judged by RFC 9112.

A proxy in front believes its own reading of a length. If ours differs, what it took for a body is a request here, sent
with another client's connection: so whatever can be read in two ways is refused, and the connection closed.
"""

import json
import re
from typing import NamedTuple

import pytest

from contract.services import Service
from contract.wire import PROBLEM, Wire, get, post

# A sample that must never reach the predictor.
SMUGGLED = post(b'"smuggled"')
LIMIT = 100_000
FINAL = get(b"/version", b"Connection: close")


class Case(NamedTuple):
    """Bytes, the service's answer, and the readings of two other parsers of HTTP.

    `answers` are statuses, with / where RFC 9112 leaves a choice; `closed` at the end: and then the end of the stream.
    `h11` (0.16) and `llhttp` (9, strict, by httptools 0.9) are a record, made by hand: how many whole requests each
    reads, `no` where it then refuses to read on, `more` where it waits, `upgrade` where it leaves HTTP. Neither
    looks at what is a server's business.
    """

    name: str
    sent: bytes
    answers: str
    h11: str
    llhttp: str


def head(*fields: bytes, first: bytes = b"POST /predict HTTP/1.1", host: bytes = b"Host: x\r\n") -> bytes:
    """Return a head for a JSON body whose length `fields` declares."""
    return (
        first + b"\r\n" + host + b"Content-Type: application/json\r\n" + b"".join(f + b"\r\n" for f in fields) + b"\r\n"
    )


def chunked(body: bytes, *fields: bytes) -> bytes:
    """Return a POST with this chunked body, as it is."""
    return head(b"Transfer-Encoding: chunked", *fields) + body


def coded(*fields: bytes) -> bytes:
    """Return a POST with a good chunked body, which these fields declare."""
    return head(*fields) + GOOD


def long(*fields: bytes, body: bytes = b'"first"') -> bytes:
    """Return a POST with a body, whose length these fields define."""
    return head(*fields) + body


def version(*fields: bytes, first: bytes = b"GET /version HTTP/1.1", host: bytes = b"Host: x\r\n") -> bytes:
    """Return a GET, whose answer a front can't make up."""
    return first + b"\r\n" + host + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


ONE = b'7\r\n"first"\r\n'
GOOD = ONE + b"0\r\n\r\n"
BAD = "400 closed"
UNKNOWN = "400/501 closed"
TOO_LARGE = "400/413 closed"
NO_VERSION = "400/505 closed"

CHUNKS = [
    Case("one chunk", chunked(GOOD), "200", "1", "1"),
    Case("two chunks", chunked(b"1\r\n[\r\n2\r\n1]\r\n0\r\n\r\n"), "200", "1", "1"),
    Case(
        "a byte a chunk",
        chunked(b"".join(b"1\r\n%c\r\n" % byte for byte in b"[1, 2, 3]") + b"0\r\n\r\n"),
        "200",
        "1",
        "1",
    ),
    Case("size in small letters", chunked(b"a\r\n[1, 2, 3 ]\r\n0\r\n\r\n"), "200", "1", "1"),
    Case("size in capitals", chunked(b"A\r\n[1, 2, 3 ]\r\n0\r\n\r\n"), "200", "1", "1"),
    Case("size with zeros before it", chunked(b"0007" + GOOD[1:]), "200", "1", "1"),
    Case("last chunk of several zeros", chunked(ONE + b"000\r\n\r\n"), "200", "1", "1"),
    Case("size ended by LF", chunked(b"7\n" + GOOD[3:]), BAD, "no", "no"),
    Case("size ended by LF CR LF", chunked(b"7\n\r\n" + GOOD[3:]), BAD, "no", "no"),
    Case("size ended by CR", chunked(b"7\r" + GOOD[3:]), BAD, "no", "no"),
    Case("size ended by CR CR LF", chunked(b"7\r\r\n" + GOOD[3:]), BAD, "no", "no"),
    Case("space behind the size", chunked(b"7 \r\n" + GOOD[3:]), BAD, "1", "no"),
    Case("tab behind the size", chunked(b"7\t\r\n" + GOOD[3:]), BAD, "1", "no"),
    Case("space before the size", chunked(b" " + GOOD), BAD, "no", "no"),
    Case("empty line before the size", chunked(b"\r\n" + GOOD), BAD, "no", "no"),
    Case("LF before the size", chunked(b"\n" + GOOD), BAD, "no", "no"),
    Case("empty line before the second size", chunked(ONE + b"\r\n0\r\n\r\n"), BAD, "no", "no"),
    Case("size of no digits", chunked(b"\r\n\r\n" + GOOD), BAD, "no", "no"),
    Case("size with 0x", chunked(b"0x" + GOOD), BAD, "no", "no"),
    Case("size with +", chunked(b"+" + GOOD), BAD, "no", "no"),
    Case("size with -", chunked(b"-" + GOOD), BAD, "no", "no"),
    Case("size with _", chunked(b"0_7" + GOOD[1:]), BAD, "no", "no"),
    Case("size of -1", chunked(b"-1\r\n" + GOOD), BAD, "no", "no"),
    Case("size of -0", chunked(ONE + b"-0\r\n\r\n"), BAD, "no", "no"),
    Case("size of a letter beyond f", chunked(b"g\r\n" + GOOD), BAD, "no", "no"),
    Case("size of digits of another script", chunked("\uff17".encode() + GOOD[1:]), BAD, "no", "no"),
    Case("size of 17 digits", chunked(b"1" * 17 + b"\r\n" + GOOD), TOO_LARGE, "more", "no"),
    Case("size of 2^64 + 7", chunked(b"10000000000000007" + GOOD[1:]), TOO_LARGE, "more", "no"),
    Case("size of 2^63 - 1", chunked(b"7fffffffffffffff\r\n" + GOOD), TOO_LARGE, "more", "more"),
    Case("size beyond the limit", chunked(b"%x\r\n" % (LIMIT + 1)), "413 closed", "more", "more"),
    Case(
        "chunks beyond the limit",
        chunked((b"64\r\n" + b" " * 100 + b"\r\n") * (LIMIT // 100 + 1)),
        "413 closed",
        "more",
        "more",
    ),
    Case("extension", chunked(b"7;name=value" + GOOD[1:]), "200", "1", "1"),
    Case("extension without a value", chunked(b"7;name" + GOOD[1:]), "200", "1", "1"),
    Case("extension in quotes", chunked(b'7;name="a \\" b"' + GOOD[1:]), "200", "1", "1"),
    Case("two extensions", chunked(b"7;one=1;two=2" + GOOD[1:]), "200", "1", "1"),
    Case("extension of the last chunk", chunked(ONE + b"0;name=value\r\n\r\n"), "200", "1", "1"),
    Case("extension of 40 kB", chunked(b"7;name=" + b"v" * 40_000 + GOOD[1:]), "400/413/431 closed", "1", "1"),
    Case(
        "extensions of 40 kB",
        chunked((b"1;name=" + b"v" * 400 + b"\r\n \r\n") * 100 + GOOD),
        "400/413/431 closed",
        "1",
        "1",
    ),
    Case("extension with LF", chunked(b"7;a\nb" + GOOD[1:]), BAD, "no", "no"),
    Case("extension with CR", chunked(b"7;a\rb" + GOOD[1:]), BAD, "1", "no"),
    Case("extension with NUL", chunked(b"7;a\x00b" + GOOD[1:]), BAD, "1", "no"),
    Case("extension ended by LF", chunked(b"7;a\n" + GOOD[3:]), BAD, "no", "no"),
    Case("data longer than its size", chunked(b'6\r\n"first"\r\n0\r\n\r\n'), BAD, "no", "no"),
    Case("data without an end", chunked(b'7\r\n"first"0\r\n\r\n'), BAD, "no", "no"),
    Case("data ended by LF", chunked(b'7\r\n"first"\n0\r\n\r\n'), BAD, "no", "no"),
    Case("data ended by CR", chunked(b'7\r\n"first"\r0\r\n\r\n'), BAD, "no", "no"),
    Case("trailer", chunked(ONE + b"0\r\nX-Sum: 1\r\n\r\n"), "200", "1", "1"),
    Case("two trailers", chunked(ONE + b"0\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n"), "200", "1", "1"),
    Case("trailer of a length is none", chunked(ONE + b"0\r\nContent-Length: 3\r\n\r\n"), "200/400", "1", "no"),
    Case("trailer without a colon", chunked(ONE + b"0\r\njunk\r\n\r\n"), BAD, "no", "no"),
    Case("trailer of no name", chunked(ONE + b"0\r\n: x\r\n\r\n"), BAD, "no", "no"),
    Case("trailer with space before the colon", chunked(ONE + b"0\r\nX : x\r\n\r\n"), BAD, "no", "no"),
    Case("trailer with a control byte", chunked(ONE + b"0\r\nX: a\x01b\r\n\r\n"), BAD, "1", "no"),
    Case("trailer that goes on in the next line", chunked(ONE + b"0\r\nX: a\r\n b\r\n\r\n"), BAD, "1", "no"),
    Case("trailers ended by LF", chunked(ONE + b"0\r\nX: a\n\n"), BAD, "1", "no"),
    Case(
        "trailers of 100 kB",
        chunked(ONE + b"0\r\n" + b"X: yyyyyyy\r\n" * 9000 + b"\r\n"),
        "400/413/431 closed",
        "1",
        "1",
    ),
    Case("last chunk ended by LF", chunked(ONE + b"0\n\n"), BAD, "more", "no"),
]
CODINGS = [
    Case("chunked in capitals", coded(b"Transfer-Encoding: CHUNKED"), "200", "1", "1"),
    Case("chunked behind a tab", coded(b"Transfer-Encoding:\tchunked"), "200", "1", "1"),
    Case("chunked before a space", coded(b"Transfer-Encoding: chunked "), "200", "1", "1"),
    Case("chunked twice", coded(b"Transfer-Encoding: chunked, chunked"), UNKNOWN, "no", "no"),
    Case(
        "chunked in two fields",
        coded(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        UNKNOWN,
        "no",
        "no",
    ),
    Case("a comma", coded(b"Transfer-Encoding: ,"), UNKNOWN, "no", "no"),
    Case("no coding", coded(b"Transfer-Encoding:"), UNKNOWN, "no", "no"),
    Case("identity", coded(b"Transfer-Encoding: identity"), UNKNOWN, "no", "no"),
    Case("identity, then chunked", coded(b"Transfer-Encoding: identity, chunked"), UNKNOWN, "no", "1"),
    Case(
        "identity and chunked in two fields",
        coded(b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked"),
        UNKNOWN,
        "no",
        "1",
    ),
    Case(
        "chunked and identity in two fields",
        coded(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"),
        UNKNOWN,
        "no",
        "no",
    ),
    Case("gzip", coded(b"Transfer-Encoding: gzip"), UNKNOWN, "no", "no"),
    Case("gzip, then chunked", coded(b"Transfer-Encoding: gzip, chunked"), UNKNOWN, "no", "1"),
    Case("chunked, then gzip", coded(b"Transfer-Encoding: chunked, gzip"), UNKNOWN, "no", "no"),
    Case("a coding that ends with chunked", coded(b"Transfer-Encoding: xchunked"), UNKNOWN, "no", "no"),
    Case("a coding that begins with chunked", coded(b"Transfer-Encoding: chunkedx"), UNKNOWN, "no", "no"),
    Case("chunked with a parameter", coded(b"Transfer-Encoding: chunked;q=1"), UNKNOWN, "no", "no"),
    Case("chunked in quotes", coded(b'Transfer-Encoding: "chunked"'), UNKNOWN, "no", "no"),
    Case("chunked behind a vertical tab", coded(b"Transfer-Encoding: \x0bchunked"), UNKNOWN, "no", "no"),
    Case("chunked before a vertical tab", coded(b"Transfer-Encoding: chunked\x0b"), UNKNOWN, "no", "no"),
    Case("chunked before NUL", coded(b"Transfer-Encoding: chunked\x00"), UNKNOWN, "no", "no"),
    Case("chunked in the next line", coded(b"Transfer-Encoding:\r\n chunked"), UNKNOWN, "1", "no"),
    Case("space before the coding's colon", coded(b"Transfer-Encoding : chunked"), BAD, "no", "no"),
    Case(
        "chunked by HTTP/1.0",
        head(b"Transfer-Encoding: chunked", first=b"POST /predict HTTP/1.0") + GOOD,
        BAD,
        "1",
        "1",
    ),
]
LENGTHS = [
    Case("a length", long(b"Content-Length: 7"), "200", "1", "1"),
    Case("a length in tabs", long(b"Content-Length:\t7\t"), "200", "1", "1"),
    Case("a length with zeros before it", long(b"Content-Length: 0000007"), "200", "1", "1"),
    Case("two equal lengths", long(b"Content-Length: 7", b"Content-Length: 7"), "200/400", "1", "no"),
    Case("two lengths", long(b"Content-Length: 7", b"Content-Length: 8"), BAD, "no", "no"),
    Case("two lengths, the second 0", long(b"Content-Length: 7", b"Content-Length: 0"), BAD, "no", "no"),
    Case("a list of equal lengths", long(b"Content-Length: 7, 7"), "200/400", "1", "no"),
    Case("a list of lengths", long(b"Content-Length: 7, 8"), BAD, "no", "no"),
    Case("a length with +", long(b"Content-Length: +7"), BAD, "no", "no"),
    Case("a length with -", long(b"Content-Length: -7"), BAD, "no", "no"),
    Case("a length with a dot", long(b"Content-Length: 7.0"), BAD, "no", "no"),
    Case("a length with 0x", long(b"Content-Length: 0x7"), BAD, "no", "no"),
    Case("a length with _", long(b"Content-Length: 0_7"), BAD, "no", "no"),
    Case("a length in two words", long(b"Content-Length: 7 7"), BAD, "no", "no"),
    Case("a length in quotes", long(b'Content-Length: "7"'), BAD, "no", "no"),
    Case("a length of another script", long("Content-Length: \uff17".encode()), BAD, "no", "no"),
    Case("an empty length", long(b"Content-Length:"), BAD, "no", "no"),
    Case("a length in the next line", long(b"Content-Length:\r\n 7"), BAD, "1", "no"),
    Case("space before the length's colon", long(b"Content-Length : 7"), BAD, "no", "no"),
    Case("a length of one more than is taken", long(b"Content-Length: %d" % (LIMIT + 1)), "413 closed", "more", "more"),
    Case("a length of 2^64 + 7", long(b"Content-Length: 18446744073709551623"), TOO_LARGE, "more", "no"),
    Case("a length of 5000 digits", long(b"Content-Length: " + b"9" * 5000), TOO_LARGE, "no", "no"),
    Case("a length and chunked", coded(b"Content-Length: 7", b"Transfer-Encoding: chunked"), BAD, "1", "no"),
    Case("chunked and a length", coded(b"Transfer-Encoding: chunked", b"Content-Length: 7"), BAD, "1", "no"),
    Case(
        "a length that is short, and chunked",
        coded(b"Content-Length: 3", b"Transfer-Encoding: chunked"),
        BAD,
        "1",
        "no",
    ),
    Case("a length of 0, and chunked", coded(b"Content-Length: 0", b"Transfer-Encoding: chunked"), BAD, "1", "no"),
    Case("a length and identity", long(b"Content-Length: 7", b"Transfer-Encoding: identity"), UNKNOWN, "no", "no"),
    Case("a length and gzip", long(b"Content-Length: 7", b"Transfer-Encoding: gzip"), UNKNOWN, "no", "no"),
    Case(
        "a length and chunked behind a vertical tab",
        coded(b"Content-Length: 17", b"Transfer-Encoding: \x0bchunked"),
        UNKNOWN,
        "no",
        "no",
    ),
    Case("no length", version() + version(first=b"POST /version HTTP/1.1"), "200 405", "2", "2"),
    # To WSGI, and to many proxies, these are the fields with dashes.
    Case("a length with an underscore is none", version(b"Content_Length: 7"), "200/400", "1", "1"),
    Case("a coding with an underscore is none", version(b"Transfer_Encoding: chunked"), "200/400", "1", "1"),
    Case(
        "a request as the body of a GET", version(b"Content-Length: %d" % len(SMUGGLED)) + SMUGGLED, "200/400", "1", "1"
    ),
    Case(
        "a request as the body of a check",
        version(b"Content-Length: %d" % len(SMUGGLED), first=b"GET /healthz HTTP/1.1") + SMUGGLED,
        "200/400",
        "1",
        "1",
    ),
    Case(
        "a request as a chunk of a check",
        version(b"Transfer-Encoding: chunked", first=b"GET /healthz HTTP/1.1")
        + b"%x\r\n" % len(SMUGGLED)
        + SMUGGLED
        + b"\r\n0\r\n\r\n",
        "200/400",
        "1",
        "1",
    ),
    Case("a request as a body that no route takes", post(SMUGGLED, path=b"/no"), "404", "1", "1"),
    Case("a request as a body of another type", post(SMUGGLED, kind=b"text/x"), "415", "1", "1"),
    Case(
        "a request behind a body that is too large",
        post(SMUGGLED * (LIMIT // len(SMUGGLED) + 1)),
        "413 closed",
        "1",
        "1",
    ),
]
FIELDS = [
    Case("no Host", version(host=b""), BAD, "no", "1"),
    Case("no Host, HTTP/1.0", version(first=b"GET /version HTTP/1.0", host=b""), "200 closed", "1", "1"),
    Case("an empty Host", version(host=b"Host:\r\n"), "200", "1", "1"),
    Case("two Hosts", version(b"Host: y"), BAD, "no", "1"),
    Case("two equal Hosts", version(b"Host: x"), BAD, "no", "1"),
    Case("two Hosts, HTTP/1.0", version(b"Host: y", first=b"GET /version HTTP/1.0"), BAD, "no", "1"),
    Case("Host with a port", version(host=b"Host: x.example:8080\r\n"), "200", "1", "1"),
    Case("Host of IPv6", version(host=b"Host: [::1]:8080\r\n"), "200", "1", "1"),
    Case("Host of two words", version(host=b"Host: x y\r\n"), BAD, "1", "1"),
    Case("Host with a path", version(host=b"Host: x/y\r\n"), BAD, "1", "1"),
    Case("Host with a user", version(host=b"Host: user@x\r\n"), BAD, "1", "1"),
    Case("Host with a question mark", version(host=b"Host: x?y\r\n"), BAD, "1", "1"),
    Case("Host with a hash", version(host=b"Host: x#y\r\n"), BAD, "1", "1"),
    Case("Host with a port of letters", version(host=b"Host: x:y\r\n"), BAD, "1", "1"),
    Case("Host with <", version(host=b"Host: <x>\r\n"), BAD, "1", "1"),
    Case("a field with tabs around its value", version(b"X:\ty\t"), "200", "1", "1"),
    Case("a tab in a value", version(b"X: a\tb"), "200", "1", "1"),
    Case("an empty value", version(b"X:"), "200", "1", "1"),
    Case("bytes beyond ASCII in a value", version(b"X: \xff\xc3\xa4"), "200", "1", "1"),
    Case("bytes beyond ASCII in a name", version(b"X\xc3\xa4: y"), BAD, "no", "no"),
    Case("space before the colon", version(b"X : y"), BAD, "no", "no"),
    Case("tab before the colon", version(b"X\t: y"), BAD, "no", "no"),
    Case("a name of two words", version(b"X Y: z"), BAD, "no", "no"),
    Case("a name with a bracket", version(b"X(: z"), BAD, "no", "no"),
    Case("no name", version(b": y"), BAD, "no", "no"),
    Case("no colon", version(b"junk"), BAD, "no", "no"),
    Case("a value that goes on in the next line", version(b"X: a\r\n b"), BAD, "1", "no"),
    Case("a first field that is folded", version(host=b" Host: x\r\nHost: x\r\n"), BAD, "no", "no"),
    Case("NUL in a value", version(b"X: a\x00b"), BAD, "no", "no"),
    Case("a control byte in a value", version(b"X: a\x01b"), BAD, "1", "no"),
    Case("a control byte at a value's end", version(b"X: a\x01"), BAD, "1", "no"),
    Case("DEL in a value", version(b"X: a\x7fb"), BAD, "1", "no"),
    Case("CR in a value", version(b"X: a\rb"), BAD, "no", "no"),
    Case("NUL in a name", version(b"X\x00: y"), BAD, "no", "no"),
    Case("LF for the end of a field", version(b"X: a\nY: b"), BAD, "1", "no"),
    Case("LF for the end of the first line", b"GET /version HTTP/1.1\nHost: x\r\n\r\n", BAD, "1", "no"),
    Case("LF for all ends", b"GET /version HTTP/1.1\nHost: x\n\n", BAD, "1", "no"),
    Case("LF for the last end", b"GET /version HTTP/1.1\r\nHost: x\r\n\n", BAD, "1", "no"),
    Case("CR for all ends", b"GET /version HTTP/1.1\rHost: x\r\r", BAD, "more", "no"),
    Case("CR CR LF for an end", b"GET /version HTTP/1.1\r\r\nHost: x\r\n\r\n", BAD, "no", "no"),
    Case("a field of 33 kB", version(b"X: " + b"y" * 33_000), "431 closed", "1", "1"),
    Case("fields of 40 kB", version(*[b"X-%d: %s" % (n, b"y" * 390) for n in range(100)]), "431 closed", "1", "1"),
    Case("a name of 33 kB", version(b"X" * 33_000 + b": y"), "400/431 closed", "1", "1"),
    Case(
        "a field that does not end",
        b"GET /version HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 70_000,
        "431 closed",
        "no",
        "more",
    ),
    Case("fields of 20 kB", version(*[b"X-%d: %s" % (n, b"y" * 190) for n in range(100)]), "200", "1", "1"),
    Case("a thousand fields", version(*[b"X%d: y" % n for n in range(1000)]), "200/431", "1", "1"),
]
FIRST_LINES = [
    Case("HTTP/9.9", version(first=b"GET /version HTTP/9.9"), NO_VERSION, "1", "no"),
    Case("HTTP/2.0", version(first=b"GET /version HTTP/2.0"), NO_VERSION, "1", "1"),
    Case("HTTP/0.9", version(first=b"GET /version HTTP/0.9"), NO_VERSION, "1", "1"),
    Case("HTTP/1.2", version(first=b"GET /version HTTP/1.2"), "200/400/505", "1", "no"),
    Case("http/1.1", version(first=b"GET /version http/1.1"), NO_VERSION, "no", "no"),
    Case("HTTP/1", version(first=b"GET /version HTTP/1"), NO_VERSION, "no", "no"),
    Case("HTTP/01.1", version(first=b"GET /version HTTP/01.1"), NO_VERSION, "no", "no"),
    Case("HTTP/1.1x", version(first=b"GET /version HTTP/1.1x"), NO_VERSION, "no", "no"),
    Case("HTTP/1,1", version(first=b"GET /version HTTP/1,1"), NO_VERSION, "no", "no"),
    Case("HTTPS/1.1", version(first=b"GET /version HTTPS/1.1"), NO_VERSION, "no", "no"),
    # llhttp reads the protocols of two kinds of media servers as well.
    Case("RTSP/1.0", version(first=b"DESCRIBE /version RTSP/1.0"), "400/405/501/505 closed", "no", "1"),
    Case("ICE/1.0", version(first=b"SOURCE /version ICE/1.0"), "400/405/501/505 closed", "no", "1"),
    Case("no version", version(first=b"GET /version"), NO_VERSION, "no", "1"),
    Case("no version, a sample", long(b"Content-Length: 7").replace(b" HTTP/1.1", b""), NO_VERSION, "no", "1"),
    Case("no version, no fields", b"GET /version\r\n\r\n", NO_VERSION, "no", "1"),
    Case("no version, one line", b"GET /version\r\n", NO_VERSION, "more", "more"),
    Case("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40, BAD, "no", "no"),
    Case("space behind the version", version(first=b"GET /version HTTP/1.1 "), BAD, "no", "no"),
    Case("two spaces", version(first=b"GET  /version HTTP/1.1"), "200/400", "no", "1"),
    Case("two spaces before the version", version(first=b"GET /version  HTTP/1.1"), "200/400", "no", "1"),
    Case("tabs", version(first=b"GET\t/version\tHTTP/1.1"), BAD, "no", "no"),
    Case("a space first", version(first=b" GET /version HTTP/1.1"), BAD, "no", "no"),
    Case("a method in small letters", version(first=b"get /version HTTP/1.1"), "400/405/501 closed", "1", "no"),
    Case("a method that nobody knows", version(first=b"BREW /version HTTP/1.1"), "400/405/501", "1", "no"),
    Case("a method with a bracket", version(first=b"G(T /version HTTP/1.1"), "400/501 closed", "no", "no"),
    Case("no method", version(first=b"/version HTTP/1.1"), BAD, "no", "no"),
    Case("an empty line first", b"\r\n" + version(), "200", "no", "1"),
    Case("two empty lines first", b"\r\n\r\n" + version(), "200/400", "no", "1"),
    Case("a thousand empty lines first", b"\r\n" * 1000 + version(), "200/400", "no", "1"),
    Case("a target with a scheme", version(first=b"GET http://x/version HTTP/1.1"), "200", "1", "1"),
    Case(
        "a target with a scheme, and a sample",
        long(b"Content-Length: 7").replace(b"/predict", b"http://x/predict"),
        "200",
        "1",
        "1",
    ),
    Case(
        "a target of a scheme that is none",
        version(first=b"GET a://" + b"x" * 100 + b"/version HTTP/1.1"),
        "200/400/404",
        "1",
        "1",
    ),
    Case("a target without /", version(first=b"GET version HTTP/1.1"), "400/404", "1", "no"),
    Case("a target of *", version(first=b"GET * HTTP/1.1"), "400/404", "1", "1"),
    Case("OPTIONS *", version(first=b"OPTIONS * HTTP/1.1"), "200/204/400/404/405", "1", "1"),
    Case("CONNECT", version(first=b"CONNECT x:80 HTTP/1.1"), "400/404/405/501", "1", "1 upgrade"),
    Case("CONNECT to a path", version(first=b"CONNECT /version HTTP/1.1"), "400/404/405/501", "1", "1 upgrade"),
    Case("a target with NUL", version(first=b"GET /vers\x00ion HTTP/1.1"), BAD, "no", "no"),
    Case("a target with a control byte", version(first=b"GET /vers\x01ion HTTP/1.1"), BAD, "no", "no"),
    Case("a target with DEL", version(first=b"GET /vers\x7fion HTTP/1.1"), BAD, "no", "no"),
    Case("a target with bytes beyond ASCII", version(first=b"GET /vers\xc3\xa4ion HTTP/1.1"), "400/404", "no", "no"),
    Case("a target with a space", version(first=b"GET /vers ion HTTP/1.1"), BAD, "no", "no"),
    Case("a target of 40 kB", version(first=b"GET /" + b"x" * 40_000 + b" HTTP/1.1"), "400/414/431 closed", "1", "1"),
    Case(
        "a query of 40 kB",
        version(first=b"GET /version?" + b"x" * 40_000 + b" HTTP/1.1"),
        "400/414/431 closed",
        "1",
        "1",
    ),
    Case(
        "a method of 40 kB", version(first=b"G" * 40_000 + b" /version HTTP/1.1"), "400/414/431/501 closed", "1", "no"
    ),
]
UPGRADES = [
    Case(
        "upgrade to h2c",
        version(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"),
        "200",
        "1",
        "1 upgrade",
    ),
    Case(
        "upgrade to h2c with a sample",
        post(b'"first"', b"Connection: Upgrade", b"Upgrade: h2c"),
        "200",
        "1",
        "1 upgrade",
    ),
    Case("upgrade to h2c with chunks", chunked(GOOD, b"Connection: Upgrade", b"Upgrade: h2c"), "200", "1", "1 upgrade"),
    Case(
        "upgrade to a websocket",
        version(b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"),
        "200",
        "1",
        "1 upgrade",
    ),
    Case(
        "upgrade, then a sample",
        version(b"Connection: Upgrade", b"Upgrade: h2c") + post(b'"first"'),
        "200 200",
        "2",
        "1 upgrade",
    ),
    Case(
        "upgrade with a sample, then another",
        post(b'"first"', b"Connection: Upgrade", b"Upgrade: x") + post(b'"second"'),
        "200 200",
        "2",
        "1 upgrade",
    ),
]
CONNECTIONS = [
    Case("HTTP/1.0", version(first=b"GET /version HTTP/1.0"), "200 closed", "1", "1"),
    Case("HTTP/1.0 that stays", version(b"Connection: keep-alive", first=b"GET /version HTTP/1.0"), "200", "1", "1"),
    Case("Connection: close", version(b"Connection: close"), "200 closed", "1", "1"),
    Case("Connection: CLOSE", version(b"Connection: CLOSE"), "200 closed", "1", "1"),
    Case("Connection: te, close", version(b"Connection: te, close"), "200 closed", "1", "1"),
    Case("two Connection fields", version(b"Connection: te", b"Connection: close"), "200 closed", "1", "1"),
    Case("GET, POST", version() + post(b'"first"'), "200 200", "2", "2"),
    Case("POST, GET", post(b'"first"') + version(), "200 200", "2", "2"),
    Case("three POSTs", post(b'"first"') + post(b'"second"') + post(b'"third"'), "200 200 200", "3", "3"),
    Case("chunks, POST", chunked(GOOD) + post(b'"second"'), "200 200", "2", "2"),
    Case("POST, chunks", post(b'"second"') + chunked(GOOD), "200 200", "2", "2"),
    Case("chunks with a trailer, POST", chunked(ONE + b"0\r\nX: y\r\n\r\n") + post(b'"second"'), "200 200", "2", "2"),
    Case("HEAD, GET", version(first=b"HEAD /version HTTP/1.1") + version(), "200 200", "2", "2"),
    Case("no route, POST", version(first=b"GET /no HTTP/1.1") + post(b'"first"'), "404 200", "2", "2"),
    Case("no JSON, POST", post(b"{") + post(b'"first"'), "400 200", "2", "2"),
    Case("POST of nothing, POST", post(b"") + post(b'"first"'), "400 200", "2", "2"),
    Case("no method, POST", post(b"1", path=b"/version") + post(b'"first"'), "405 200", "2", "2"),
    Case("POST, empty line, POST", post(b'"first"') + b"\r\n" + post(b'"second"'), "200 200", "1 no", "2"),
    Case("POST, what is no request", post(b'"first"') + b"junk\r\n\r\n", "200 400 closed", "1 no", "1 no"),
    Case(
        "a body longer than its length",
        long(b"Content-Length: 7", body=b'"first"xx'),
        "200 400/501 closed",
        "1 more",
        "1 no",
    ),
    Case("close, POST", version(b"Connection: close") + SMUGGLED, "200 closed", "1", "1 no"),
    Case("HTTP/1.0, POST", version(first=b"GET /version HTTP/1.0") + SMUGGLED, "200 closed", "1", "1 no"),
]
EXPECTATIONS = [
    Case("expecting 100 with its body", post(b'"first"', b"Expect: 100-continue"), "200", "1", "1"),
    Case("expecting 100 in capitals", post(b'"first"', b"Expect: 100-CONTINUE"), "200", "1", "1"),
    Case("expecting 100 with chunks", chunked(GOOD, b"Expect: 100-continue"), "200", "1", "1"),
    Case("expecting 100 without a body", version(b"Expect: 100-continue"), "200", "1", "1"),
    Case("expecting 100 for a body of nothing", post(b"", b"Expect: 100-continue"), "400", "1", "1"),
    Case(
        "expecting 100 without a body, POST", version(b"Expect: 100-continue") + post(b'"first"'), "200 200", "2", "2"
    ),
    Case(
        "expecting 100 where nothing is", version(b"Expect: 100-continue", first=b"GET /no HTTP/1.1"), "404", "1", "1"
    ),
    Case(
        "expecting 100, HTTP/1.0",
        post(b'"first"', b"Expect: 100-continue").replace(b"/1.1", b"/1.0"),
        "200 closed",
        "1",
        "1",
    ),
    Case(
        "expecting 100 for too much",
        long(b"Content-Length: 200000", b"Expect: 100-continue", body=b""),
        "413 closed",
        "more",
        "more",
    ),
    Case("expecting something else", post(b'"first"', b"Expect: 200-ok"), "200/417", "1", "1"),
]
CASES = [*CHUNKS, *CODINGS, *LENGTHS, *FIELDS, *FIRST_LINES, *UPGRADES, *CONNECTIONS, *EXPECTATIONS]
REFUSALS = (400, 404, 405, 408, 413, 414, 431, 501, 505)


@pytest.fixture(scope="module")
def service(model_cache, tmp_path_factory):
    """Return a service whose predictor notes each sample, the same for all cases."""
    noted = tmp_path_factory.mktemp("edge") / "samples"
    code = f"""
        import json
        def predictor(x):
            with open({str(noted)!r}, "a") as file:
                file.write(json.dumps(x) + chr(10))
            return x
        examples = [1]
    """
    running = Service(model_cache(code), S2I_MAX_BODY=str(LIMIT), S2I_RECEIVE_TIMEOUT="3", WEB_CONCURRENCY="1").ready()
    running.noted = noted
    yield running
    running.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_request_ends_where_rfc_9112_says(service, case):
    wanted = case.answers.removesuffix(" closed").split()
    choices = [[int(status) for status in word.split("/")] for word in wanted]
    closes = case.answers.endswith("closed")
    rejected = closes and choices[-1][0] != 200
    # A case that failed may leave samples that are still waiting.
    assert service.predict("begin") == (200, "begin")
    service.noted.write_text("")
    with Wire(service) as wire:
        # Behind what is refused comes what must not be taken for a request.
        wire.send(case.sent + (SMUGGLED * 2 if rejected else b""))
        answers = []
        for place, choice in enumerate(choices):
            answers.append(wire.answer(bodiless=case.sent.startswith(b"HEAD") and place == 0))
            assert answers[-1] and answers[-1].status in choice, answers
        last = answers[-1]
        # Where it may stay open, a refusal, or what might be one, may end it all the same if it says so.
        reported_so = "close" in (last.headers.get("Connection") or "").lower()
        if closes or (reported_so and (last.status >= 400 or len(choices[-1]) > 1)):
            assert reported_so or (b"HTTP/1.0" in case.sent and not rejected)
            assert wire.rest() == b""
        else:
            assert wire.send(FINAL).answer().status == 200
            assert wire.rest() == b""
    if rejected:
        assert last.status in REFUSALS
        assert last.headers.get_all("Content-Type") == [PROBLEM]
        body = json.loads(last.body)
        assert (body["status"], body["type"]) == (last.status, "about:blank") and body["detail"]
    predictions = [json.loads(one.body) for one in answers if one.status == 200 and one.body.startswith((b'"', b"["))]
    # The one scorer takes them in turn: what came before this one was noted before it.
    assert service.predict("end") == (200, "end")
    predictions.append("end")
    assert [json.loads(line) for line in service.noted.read_text().splitlines()] == predictions
    named = [name.decode() for name in re.findall(rb'"(first|second|third)"', case.sent)]
    if isinstance(predictions[0], str) and len(predictions) > 1:
        assert predictions == [*named, "end"]


def test_the_service_has_no_complaint_about_all_that(service):
    assert "Traceback" not in service.log
    assert service.predict("after") == (200, "after")


SPLIT = {
    "GET": version(b"X: y"),
    "POST": post(b'"first"'),
    "chunks": chunked(b'3;a=b\r\n"fi\r\n4\r\nrst"\r\n0\r\nX: y\r\n\r\n'),
    "POST, GET": post(b'"first"') + b"\r\n" + version(),
    "on a route of the application": post(b'{"instances": ["first"]}', path=b"/v1/models/model:predict"),
}


@pytest.mark.parametrize("name", SPLIT)
def test_it_does_not_matter_how_a_request_is_cut(service, name):
    sent = SPLIT[name]
    whole = sent.count(b"HTTP/1.1")
    wires = [Wire(service) for _ in range(1, len(sent))]
    try:
        for cut, wire in enumerate(wires, 1):
            wire.send(sent[:cut])
        # Once others were answered, all of that was read.
        assert {service.status("/healthz") for _ in range(3)} == {200}
        for cut, wire in enumerate(wires, 1):
            wire.send(sent[cut:])
        statuses = [[wire.answer().status for _ in range(whole)] for wire in wires]
        assert statuses == [[200] * whole] * len(wires)
    finally:
        for wire in wires:
            wire.socket.close()


def test_a_request_of_single_bytes_is_one_too(service):
    with Wire(service) as wire:
        for byte in post(b'"first"') + chunked(GOOD):
            wire.send(bytes([byte]))
        assert [wire.answer().body for _ in range(2)] == [b'"first"'] * 2


def test_who_expects_100_gets_it_before_the_body_and_only_then(service):
    with Wire(service) as wire:
        wire.send(post(b'"first"', b"Expect: 100-continue")[:-7])
        assert wire.answer(interim=True).status == 100
        answer = wire.send(b'"first"').answer(interim=True)
        assert (answer.status, answer.body) == (200, b'"first"')
        # Who is refused is not asked for a body first.
        wire.send(head(b"Content-Length: 200000", b"Expect: 100-continue"))
        assert wire.answer(interim=True).status == 413
        assert wire.rest() == b""


def test_who_does_not_expect_100_does_not_get_it(service):
    with Wire(service) as wire:
        wire.send(head(b"Content-Length: 7"))
        assert service.status("/healthz") == 200
        assert wire.send(b'"first"').answer(interim=True).status == 200
        wire.send(head(b"Content-Length: 7", b"Expect: 100-continue", first=b"POST /predict HTTP/1.0"))
        assert service.status("/healthz") == 200
        assert wire.send(b'"first"').answer(interim=True).status == 200


def test_a_request_inherits_nothing_from_the_one_before(service):
    with Wire(service) as wire:
        wire.send(version(b"Expect: 100-continue", b"X-Request-ID: of-the-first"))
        assert wire.answer().headers["X-Request-ID"] == "of-the-first"
        for sent in (version(), post(b'"second"'), version(first=b"GET /healthz HTTP/1.1")):
            answer = wire.send(sent).answer(interim=True)
            assert answer.status == 200
            assert answer.headers["X-Request-ID"] != "of-the-first"


def test_a_client_of_http_1_0_that_stays_is_reported_that_it_may(service):
    with Wire(service) as wire:
        wire.send(version(b"Connection: keep-alive", first=b"GET /version HTTP/1.0"))
        assert wire.answer().headers["Connection"].lower() == "keep-alive"


UNENDING = {
    "half a body": head(b"Content-Length: 7") + b'"fir',
    "no last chunk": chunked(ONE),
    "half a head": b"GET /version HTTP/1.1\r\nHost: x\r\n",
    "half a line": b"GET /ver",
}


def test_a_request_that_does_not_end_is_rejected_once_in_time(service):
    wires = {name: Wire(service).send(sent) for name, sent in UNENDING.items()}
    for name, wire in wires.items():
        with wire:
            answer = wire.answer()
            assert answer, name
            assert (answer.status, answer.headers["Connection"], answer.headers["Content-Type"]) == (
                408,
                "close",
                PROBLEM,
            )
            assert "S2I_RECEIVE_TIMEOUT" in json.loads(answer.body)["detail"]
            assert wire.rest() == b""
