"""What the notebook prints while it serves, marked with its process, so that it is found in the service's log."""

import contextlib
import io
import json
import os
import re
import time

from nb_scorer.protocol import log_forms

# A write of at most so many bytes stays whole in a pipe that other processes write to as well (POSIX).
PIPE_BUF = 4096
# Whatever its characters, a message of this length makes an object that the log does not cut.
MAX_MESSAGE = 1 << 16
# All but tab: what some take for the end of a line, and what a terminal obeys instead of showing it.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class Marked(io.TextIOWrapper):
    """A standard stream whose lines say which process printed them; what can't be written is lost without an error.

    What is printed may come from a client: it can't pass for a line of another process.
    """

    def __init__(self, stream, form, name):
        super(Marked, self).__init__(stream.detach(), "utf-8", "backslashreplace", line_buffering=True)
        self._form = form
        self._name = name
        self._pending = []

    def write(self, text):
        """Keep `text` until its line is whole; return its length as every stream does."""
        self._pending.append(text)
        if text.endswith("\n"):
            self._write_pending()
        return len(text)

    def flush(self):
        """Write what is pending: whatever follows is another line."""
        if self._pending:
            self._write_pending()
        with contextlib.suppress(OSError):
            super(Marked, self).flush()

    def _write_pending(self):
        text, self._pending = "".join(self._pending), []
        # A log without a reader, or on a full disk, is no reason to fail a prediction.
        with contextlib.suppress(OSError):
            for chunk in _chunks(self._formatted(text[:-1] if text.endswith("\n") else text)):
                self.buffer.write(chunk)
                self.buffer.flush()

    def _formatted(self, text):
        """Return the lines, as bytes, that `text` becomes."""
        if self._form == log_forms.JSON:
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            record = {"time": now, "scorer": os.getpid(), "stream": self._name}
            parts = [text[start : start + MAX_MESSAGE] for start in range(0, len(text) or 1, MAX_MESSAGE)]
            return [json.dumps(dict(record, message=part)).encode("ascii") + b"\n" for part in parts]
        prefix = "[scorer {}] ".format(os.getpid()).encode("ascii")
        # A generator: a print may have millions of lines.
        return (
            prefix + piece + b"\n" for line in _lines(text) for piece in _split_at(line, PIPE_BUF - len(prefix) - 1)
        )


def _lines(text):
    """Return the lines of `text` as bytes; a progress bar starts each of its own with a carriage return."""
    text = text.replace("\r\n", "\n").strip("\r").replace("\r", "\n")
    text = _CONTROL.sub(lambda match: ascii(match.group())[1:-1], text)
    return text.encode("utf-8", "backslashreplace").split(b"\n")


def _split_at(line, size):
    """Yield a line of UTF-8 in pieces of at most `size` bytes, cut between two characters."""
    start = 0
    while len(line) - start > size:
        end = start + size
        while line[end] & 0xC0 == 0x80:
            end -= 1
        yield line[start:end]
        start = end
    yield line[start:]


def _chunks(lines):
    """Yield `lines` joined into chunks that stay whole in a pipe."""
    chunk = b""
    for line in lines:
        if chunk and len(chunk) + len(line) > PIPE_BUF:
            yield chunk
            chunk = b""
        chunk += line
    yield chunk
