"""Content codings (RFC 9110, section 8.4.1): gzip and deflate of requests, gzip of responses."""

import zlib

CODINGS = ("gzip", "deflate")
# A smaller body fits into one packet without compression, too.
MIN_SIZE = 1024
# The maximum number of gzip members: each costs a copy of the data after it, but an empty one has only 20 bytes.
MAX_MEMBERS = 64
# Maximum entries of an Accept-Encoding header that count.
MAX_ENTRIES = 100
# zlib's numbers for stream formats: gzip or zlib by its first bytes, raw, gzip.
_ANY, _BARE, _GZIP = zlib.MAX_WBITS | 32, -zlib.MAX_WBITS, zlib.MAX_WBITS | 16
# This level takes a tenth of the time of zlib's default, for slightly larger bodies.
_FAST = 1


class UnknownCoding(ValueError):
    """The coding is not one of CODINGS."""


class TooLarge(ValueError):
    """The decompressed body exceeds the limit."""


def decompressed(data: bytes, coding: str, most: int) -> bytes:
    """Return `data`, decompressed according to `coding`, a Content-Encoding header.

    Raise UnknownCoding, TooLarge for more than `most` bytes (without decompressing further), or ValueError for broken
    data.
    """
    coding = coding.strip().lower().removeprefix("x-")
    if coding not in CODINGS:
        raise UnknownCoding(coding)
    try:
        return _inflated(data, _ANY, most)
    except zlib.error as error:
        if coding == "deflate":
            # HTTP's deflate includes a zlib header, which some clients omit.
            try:
                return _inflated(data, _BARE, most)
            except zlib.error:
                pass
        raise ValueError(f"it is not valid {coding} ({error})") from error


def _inflated(data: bytes, frame: int, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while data:
        if len(parts) == MAX_MEMBERS:
            raise ValueError(f"it has more than {MAX_MEMBERS} members")
        stream = zlib.decompressobj(frame)
        parts.append(stream.decompress(data, most - size + 1))
        size += len(parts[-1])
        if size > most:
            raise TooLarge
        if not stream.eof:
            raise ValueError("its compressed data is truncated")
        # gzip allows several members, one after the other.
        data = stream.unused_data
    return b"".join(parts)


def takes_gzip(accept_encoding: str) -> bool:
    """Return whether a client with this Accept-Encoding header accepts gzip (RFC 9110, section 12.5.3).

    Only the first MAX_ENTRIES entries count.
    """
    if "gzip" not in accept_encoding and "*" not in accept_encoding:
        return False
    weights: dict[str, float] = {}
    for part in accept_encoding.lower().split(",", MAX_ENTRIES)[:MAX_ENTRIES]:
        name, _, parameter = part.partition(";")
        weight = parameter.strip().removeprefix("q=")
        try:
            weights[name.strip()] = float(weight) if weight else 1.0
        except ValueError:
            return False
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def compressed(data: bytes) -> bytes:
    """Return `data` as gzip."""
    stream = zlib.compressobj(_FAST, zlib.DEFLATED, _GZIP)
    return stream.compress(data) + stream.flush()
