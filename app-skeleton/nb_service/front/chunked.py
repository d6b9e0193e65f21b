"""Bodies in chunks: llhttp reads them, and is given them piece by piece so that it stops where the body ends."""

from httptools import HttpParserError, HttpRequestParser

from nb_service.front.head import Unreadable, words_of

# What a head with such a body looks like to llhttp; the real one has been read already.
_HEAD = b"POST / HTTP/1.1\r\nHost: -\r\nTransfer-Encoding: chunked\r\n\r\n"
# A size is a few digits, and neither what may stand behind it nor trailers are used here.
LONGEST_LINE = 4096
LONGEST_SIZE = 20
MOST_BESIDE = 1 << 14
# Tiny chunks cost as much as large ones: after so many bytes others have their turn.
PIECE = 4096


class Chunks:
    """Takes the bytes of a body in chunks, which may hold `most` bytes.

    `content` is what was in them and not taken yet.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.content = bytearray()
        self.ended = False
        self._parser = HttpRequestParser(self)
        self._parser.feed_data(_HEAD)
        self._line = b""  # of a size or a trailer, not whole yet
        self._left = 0  # bytes of this chunk that are to come, with the end of its line
        self._sized = False
        self._beside = 0  # bytes of extensions and trailers

    def feed(self, data: bytes) -> int:
        """Take `data`; return how many of its bytes belong to this body. Raise Unreadable where it is no such body."""
        at = 0
        try:
            while at < len(data) and not self.ended:
                at += self._take(data, at)
        except HttpParserError as error:
            raise Unreadable(400, words_of(error)) from error
        return at

    def _take(self, data: bytes, at: int) -> int:
        """Give llhttp what lies at `at`: of a chunk all that is there, else one line; return how much it was."""
        if self._left:
            size = min(self._left, len(data) - at)
            self._parser.feed_data(data[at : at + size])
            self._left -= size
            return size
        end = data.find(b"\n", at) + 1
        line = self._line + data[at : end or len(data)]
        if len(line) > LONGEST_LINE:
            raise _too_much()
        if not end:
            self._line = line
            return len(data) - at
        self._line = b""
        self._sized = False
        self._parser.feed_data(line)
        self._beside += max(0, len(line) - LONGEST_SIZE) if self._sized else len(line)
        if self._beside > MOST_BESIDE:
            raise _too_much()
        if self._sized:
            self._begin(line)
        return end - at

    def _begin(self, line: bytes) -> None:
        """Note the size in a line that llhttp has just understood: hexadecimal digits, and extensions behind them."""
        size = int(line.partition(b";")[0], 16)
        self._most -= size
        if self._most < 0:
            raise Unreadable(413, "its body is too large")
        # Behind the last one, of size 0, no data come but trailers.
        self._left = size + len(b"\r\n") if size else 0

    # --- called by llhttp ---

    def on_chunk_header(self) -> None:
        """Hear that the line was a chunk's size."""
        self._sized = True

    def on_body(self, content: bytes) -> None:
        """Take what is in a chunk."""
        self.content += content

    def on_message_complete(self) -> None:
        """Hear that this was all."""
        self.ended = True


def _too_much() -> Unreadable:
    return Unreadable(400, "there is too much between its chunks or behind them")
