"""Parses chunked bodies with llhttp, piece by piece, so that bytes after the body remain for the next request."""

from httptools import HttpParserError, HttpRequestParser

from nb_service.front.head import Unreadable, message_of

# Puts a parser into the state before such a body; the real head has already been parsed.
_HEAD = b"POST / HTTP/1.1\r\nHost: -\r\nTransfer-Encoding: chunked\r\n\r\n"
# The size of a chunk has a few digits. Extensions and trailers are not used, so a limit stops clients that send them
# without end.
MAX_LINE = 4096
MAX_SIZE = 20
MAX_OVERHEAD = 1 << 14
# A tiny chunk costs as much time as a large one, so other clients are served after this many bytes.
PIECE = 4096


class Chunks:
    """Parses a chunked body of up to `max_bytes` bytes of content.

    `content` has been parsed, but not taken yet.
    """

    def __init__(self, max_bytes: int) -> None:
        self._room = max_bytes
        self.content = bytearray()
        self.ended = False
        self._parser = HttpRequestParser(self)
        self._parser.feed_data(_HEAD)
        self._line = b""  # the start of a size or trailer line
        self._chunk_left = 0  # bytes of this chunk, including its line end, that have not arrived
        self._is_size_line = False
        self._overhead = 0  # bytes of extensions and trailers

    def feed(self, data: bytes) -> int:
        """Parse `data`; return how many of its bytes belong to this body. Raise Unreadable if it is malformed."""
        offset = 0
        try:
            while offset < len(data) and not self.ended:
                offset += self._take(data, offset)
        except HttpParserError as error:
            raise Unreadable(400, message_of(error)) from error
        return offset

    def _take(self, data: bytes, offset: int) -> int:
        """Pass the bytes from `offset` to the end of a chunk or line to llhttp; return their number."""
        if self._chunk_left:
            size = min(self._chunk_left, len(data) - offset)
            self._parser.feed_data(data[offset : offset + size])
            self._chunk_left -= size
            return size
        end = data.find(b"\n", offset) + 1
        line = self._line + data[offset : end or len(data)]
        if len(line) > MAX_LINE:
            raise _too_much()
        if not end:
            self._line = line
            return len(data) - offset
        self._line = b""
        self._is_size_line = False
        self._parser.feed_data(line)
        self._overhead += max(0, len(line) - MAX_SIZE) if self._is_size_line else len(line)
        if self._overhead > MAX_OVERHEAD:
            raise _too_much()
        if self._is_size_line:
            self._begin(line)
        return end - offset

    def _begin(self, line: bytes) -> None:
        """Record the size in a line that llhttp has accepted: hexadecimal digits, with extensions if any."""
        size = int(line.partition(b";")[0], 16)
        self._room -= size
        if self._room < 0:
            raise Unreadable(413, "its body is too large")
        # Size 0 marks the last chunk, which only trailers follow.
        self._chunk_left = size + len(b"\r\n") if size else 0

    # --- called by llhttp ---

    def on_chunk_header(self) -> None:
        """Record that the line was a chunk's size."""
        self._is_size_line = True

    def on_body(self, content: bytes) -> None:
        """Add content of a chunk."""
        self.content += content

    def on_message_complete(self) -> None:
        """Record that the body is complete."""
        self.ended = True


def _too_much() -> Unreadable:
    return Unreadable(400, "its chunk extensions or trailers are too large")
