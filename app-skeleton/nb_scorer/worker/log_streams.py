"""Marks a notebook's output during serving with its process, for the service's log."""

import contextlib
import io
import json
import os
import re
import time

from nb_scorer.protocol import log_forms

# A write of up to this many bytes to a pipe is atomic (POSIX), even if several processes write.
PIPE_BUF = 4096
# A message of this length fits into a JSON object that the log does not truncate, whatever its characters.
MAX_MESSAGE = 1 << 16
# Characters that end a line for some readers, or that a terminal interprets: all but tab.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class Marked(io.TextIOWrapper):
    """A standard stream whose lines name the process that printed them; output that can't be written is dropped.

    The output may come from a client: it can't pass for a line of another process.
    """

    def __init__(self, stream, form, name):
        super(Marked, self).__init__(stream.detach(), "utf-8", "backslashreplace", line_buffering=True)
        self._form = form
        self._name = name
        self._pending = []

    def write(self, text):
        """Keep `text` until its line is complete; return its length, as every stream does."""
        self._pending.append(text)
        if text.endswith("\n"):
            self._write_pending()
        return len(text)

    def flush(self):
        """Write pending text; later text starts a new line."""
        if self._pending:
            self._write_pending()
        with contextlib.suppress(OSError):
            super(Marked, self).flush()

    def _write_pending(self):
        text, self._pending = "".join(self._pending), []
        # A closed pipe or a full disk must not make a prediction fail.
        with contextlib.suppress(OSError):
            for chunk in _chunks(self._formatted(text[:-1] if text.endswith("\n") else text)):
                self.buffer.write(chunk)
                self.buffer.flush()

    def _formatted(self, text):
        """Return the lines, as bytes, for `text`."""
        if self._form == log_forms.JSON:
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            record = {"time": now, "scorer": os.getpid(), "stream": self._name}
            parts = [text[start : start + MAX_MESSAGE] for start in range(0, len(text) or 1, MAX_MESSAGE)]
            return [json.dumps(dict(record, message=part)).encode("ascii") + b"\n" for part in parts]
        prefix = "[scorer {}] ".format(os.getpid()).encode("ascii")
        # A generator, because a single print may have millions of lines.
        return (
            prefix + piece + b"\n" for line in _lines(text) for piece in _split_at(line, PIPE_BUF - len(prefix) - 1)
        )


def _lines(text):
    """Return the lines of `text` as bytes; a progress bar starts each of its own with a carriage return."""
    text = text.replace("\r\n", "\n").strip("\r").replace("\r", "\n")
    text = _CONTROL.sub(lambda match: ascii(match.group())[1:-1], text)
    return text.encode("utf-8", "backslashreplace").split(b"\n")


def _split_at(line, size):
    """Yield a line of UTF-8 in pieces of at most `size` bytes, split between characters."""
    start = 0
    while len(line) - start > size:
        end = start + size
        while line[end] & 0xC0 == 0x80:
            end -= 1
        yield line[start:end]
        start = end
    yield line[start:]


def _chunks(lines):
    """Yield `lines` joined into chunks small enough for atomic writes to a pipe."""
    chunk = b""
    for line in lines:
        if chunk and len(chunk) + len(line) > PIPE_BUF:
            yield chunk
            chunk = b""
        chunk += line
    yield chunk
