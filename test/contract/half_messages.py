"""Clients that speak just enough HTTP/2 to begin calls of gRPC and to leave it at that (RFC 9113)."""

import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, WINDOW_UPDATE = 0, 1, 4, 8
INITIAL_WINDOW_SIZE = 4
END_STREAM = 1
END_HEADERS = 4
ACK = 1
MAX_OF_A_FRAME = 16384
STREAM = 1


class HalfMessage:
    """A call on a connection of its own, whose message has `size` bytes of which fewer come.

    `timeout` is how long its client says that it waits, in gRPC's form; it waits longer, and says nothing more.
    """

    def __init__(self, address: str, path: str, size: int, timeout: str = "1H") -> None:
        host, port = address.rsplit(":", 1)
        self._sock = socket.create_connection((host, int(port)), 30)
        self._buffer = b""
        # How many bytes may be sent on the connection and on the stream.
        self._windows = {0: 65535, STREAM: 65535}
        fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "x", "te": "trailers"}
        self._sock.sendall(PREFACE + frame(SETTINGS, 0, 0, b""))
        fields.update({"content-type": "application/grpc", "grpc-timeout": timeout})
        self._sock.sendall(frame(HEADERS, END_HEADERS, STREAM, headers(fields)))
        self._begin = struct.pack(">BI", 0, size)

    def send(self, count: int) -> None:
        """Send the bytes that the server lets us send; return also where it breaks off."""
        left = memoryview(self._begin + bytes(count))
        self._begin = b""
        try:
            while left:
                room = min(*self._windows.values(), MAX_OF_A_FRAME)
                if room <= 0:
                    self._receive()
                    continue
                part, left = left[:room], left[room:]
                self._sock.sendall(frame(DATA, 0, STREAM, part))
                self._windows = {stream: window - len(part) for stream, window in self._windows.items()}
        except OSError:
            return

    def close(self) -> None:
        """Hang up."""
        self._sock.close()

    def _receive(self) -> None:
        data = self._sock.recv(1 << 16)
        if not data:
            raise ConnectionResetError
        self._buffer += data
        while len(self._buffer) >= 9 and len(self._buffer) >= (end := 9 + int.from_bytes(self._buffer[:3])):
            kind, flags, body = self._buffer[3], self._buffer[4], self._buffer[9:end]
            stream = int.from_bytes(self._buffer[5:9])
            self._buffer = self._buffer[end:]
            if kind == WINDOW_UPDATE and stream in self._windows:
                self._windows[stream] += int.from_bytes(body)
            if kind == SETTINGS and not flags & ACK:
                self._settle(body)
            if kind == HEADERS:
                # Trailers: the call is rejected.
                raise ConnectionResetError

    def _settle(self, body: bytes) -> None:
        for name, value in struct.iter_unpack(">HI", body):
            if name == INITIAL_WINDOW_SIZE:
                self._windows[STREAM] += value - 65535
        # Only then may more be sent.
        self._sock.sendall(frame(SETTINGS, ACK, 0, b""))


class IdleCalls:
    """Many calls on one connection, which start and then neither send nor read, until they are closed."""

    def __init__(self, address: str, path: str, count: int, *, asks: bool) -> None:
        """Begin `count` calls; each sends an empty message, and takes no byte of an answer, where `asks` is true."""
        host, port = address.rsplit(":", 1)
        self._sock = socket.create_connection((host, int(port)), 30)
        self._sock.sendall(PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, 0)))
        # Only then may more be sent.
        self._sock.recv(1)
        self._sock.sendall(frame(SETTINGS, ACK, 0, b""))
        fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "x", "te": "trailers"}
        head = headers({**fields, "content-type": "application/grpc"})
        for stream in range(STREAM, STREAM + 2 * count, 2):
            self._sock.sendall(frame(HEADERS, END_HEADERS, stream, head))
            if asks:
                self._sock.sendall(frame(DATA, END_STREAM, stream, struct.pack(">BI", 0, 0)))

    def close(self) -> None:
        """Hang up."""
        self._sock.close()


def frame(kind: int, flags: int, stream: int, body: bytes | memoryview) -> bytes:
    """Return a frame of HTTP/2."""
    return b"".join((len(body).to_bytes(3), bytes((kind, flags)), stream.to_bytes(4), body))


def headers(fields: dict[str, str]) -> bytes:
    """Return header fields as literals without a name from a table (RFC 7541, 6.2.2)."""
    texts = [text.encode("utf-8", "surrogateescape") for field in fields.items() for text in field]
    return b"".join(b"\0" * (index % 2 == 0) + bytes((len(text),)) + text for index, text in enumerate(texts))
