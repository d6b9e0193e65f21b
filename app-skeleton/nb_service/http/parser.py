"""A request as it is read: waitress's parser, made strict, and what the lane notes about a request."""

import time
from io import BytesIO

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.utilities import BadRequest

# A method and a path beyond it are nobody's, and would fill log and answers.
LONGEST_FIRST_LINE = 8192
# Bytes of a chunked body that are looked at in one go.
PIECE = 4096
# Nobody needs them: sizes are a few digits, and what chunks or their end say beside is not read.
MOST_BETWEEN_CHUNKS = 16384


class LaneParser(HTTPRequestParser):
    """waitress's parser, which must not invite a body that it has already refused, and believes no head that lies.

    It also carries what the lane notes about a request.
    """

    asked_at = 0.0
    request_id = "-"
    route: str | None = None
    origin_headers: tuple = ()
    plain = False  # came whole, over a connection that stays open
    _body: bytes | None = None
    _whole: dict | None = None  # what all requests with this head have in common

    def __init__(self, adj) -> None:
        super().__init__(adj)
        self.began = time.monotonic()

    def received(self, data: bytes) -> int:
        """Take `data`; return how much of it belongs to this request."""
        consumed = self._received_in_pieces(data) if self.chunked else super().received(data)
        if self.error:
            self.expect_continue = False
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Read the head; raise ParsingError where it has two lengths for the body, or what is in it can't be meant.

        A proxy before us may believe the other length (RFC 9112, section 6.3): then it took for a body what would be
        a request here.
        """
        if header_plus.find(b"\r\n") > LONGEST_FIRST_LINE:
            raise ParsingError(f"its first line has more than {LONGEST_FIRST_LINE} bytes")
        try:
            super().parse_header(header_plus)
        except ValueError as wrong:
            raise ParsingError("its length or its address is none") from wrong
        if "TRANSFER_ENCODING" in self.headers:
            raise ParsingError(f"Transfer-Encoding is none of HTTP/{self.version}")
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("it has both Transfer-Encoding and Content-Length")
        connection = self.headers.get("CONNECTION")
        if connection is not None and "," in connection:
            # Of a list, as of `TE, close`, waitress understands nothing.
            words = {word.strip().lower() for word in connection.split(",")}
            self.headers["CONNECTION"] = next((word for word in ("close", "keep-alive") if word in words), "")

    def _received_in_pieces(self, data: bytes) -> int:
        """Take `data` of a chunked body: for each chunk waitress copies all that lies behind it."""
        consumed = 0
        while consumed < len(data) and not self.completed:
            consumed += super().received(data[consumed : consumed + PIECE])
            if max(len(self.body_rcv.control_line), len(self.body_rcv.trailer)) > MOST_BETWEEN_CHUNKS:
                self.error = BadRequest("there is too much between its chunks or behind them")
                self.completed = True
        return consumed

    def again(self, body: bytes) -> "LaneParser":
        """Return another request with this one's head, and `body`; they share their headers."""
        if self._whole is None:
            plain = self.command == "POST" and self.version == "1.1" and not self.headers.get("CONNECTION")
            self._whole = {**self.__dict__, "completed": True, "body_rcv": None, "plain": plain}
        made = object.__new__(LaneParser)
        made.__dict__ = self._whole.copy()
        made._body = body
        return made

    @property
    def body(self) -> bytes:
        """Return all of the body."""
        if self._body is None:
            # What it was put together in is let go: a large one shall not be held twice.
            received, self.body_rcv = self.body_rcv, None
            self._body = b"" if received is None else received.getbuf().get()
        return self._body

    def get_body_stream(self):
        """Return the body as a file."""
        return super().get_body_stream() if self._body is None else BytesIO(self._body)

    @property
    def begun(self) -> bool:
        """Return whether more came than the empty lines that may stand before a request."""
        return self.headers_finished or bool(self.header_plus.strip())
