"""What the notebook prints while it serves, marked with its process, so that it is found in the service's log."""

import contextlib
import io
import json
import os
import re
import time

from nb_scorer.protocol import log_forms

# What is written at once, and is not longer, stays whole in a pipe into which other processes write, too (POSIX).
PIPE_BUF = 4096
# So long may a message be, whatever its characters, that the log does not cut the object that it is in.
LONGEST_MESSAGE = 1 << 16
# All but tab: what ends a line for some, and what a terminal does not show but obeys.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class Marked(io.TextIOWrapper):
    """A standard stream whose lines say which process printed them; what can't be written is lost, and no error.

    What is printed may come from a client: it can't look like a line of another's.
    """

    def __init__(self, stream, form, name):
        super(Marked, self).__init__(stream.detach(), "utf-8", "backslashreplace", line_buffering=True)
        self._form = form
        self._name = name
        self._begun = []

    def write(self, text):
        """Keep `text` until its line is whole; return its length as every stream does."""
        self._begun.append(text)
        if text.endswith("\n"):
            self._put()
        return len(text)

    def flush(self):
        """Let out what was begun: whatever follows is another line."""
        if self._begun:
            self._put()
        with contextlib.suppress(OSError):
            super(Marked, self).flush()

    def _put(self):
        whole, self._begun = "".join(self._begun), []
        # A log without a reader, or on a full disk, is no reason to fail a prediction.
        with contextlib.suppress(OSError):
            for some in _parcels(self._marked(whole[:-1] if whole.endswith("\n") else whole)):
                self.buffer.write(some)
                self.buffer.flush()

    def _marked(self, text):
        """Return the lines, as bytes, that `text` becomes."""
        if self._form == log_forms.JSON:
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            facts = {"time": now, "scorer": os.getpid(), "stream": self._name}
            parts = [text[at : at + LONGEST_MESSAGE] for at in range(0, len(text) or 1, LONGEST_MESSAGE)]
            return [json.dumps(dict(facts, message=part)).encode("ascii") + b"\n" for part in parts]
        mark = "[scorer {}] ".format(os.getpid()).encode("ascii")
        # One after the other: a print may have millions of lines.
        return (mark + piece + b"\n" for line in _lines(text) for piece in _pieces(line, PIPE_BUF - len(mark) - 1))


def _lines(text):
    """Return the lines of `text` as bytes; a progress bar goes back to the begin of its line for each new one."""
    text = text.replace("\r\n", "\n").strip("\r").replace("\r", "\n")
    text = _CONTROL.sub(lambda found: ascii(found.group())[1:-1], text)
    return text.encode("utf-8", "backslashreplace").split(b"\n")


def _pieces(line, most):
    """Yield a line of UTF-8 in pieces of at most so many bytes, cut between two characters."""
    at = 0
    while len(line) - at > most:
        end = at + most
        while line[end] & 0xC0 == 0x80:
            end -= 1
        yield line[at:end]
        at = end
    yield line[at:]


def _parcels(lines):
    """Yield `lines`, as many whole ones together as stay whole."""
    parcel = b""
    for line in lines:
        if parcel and len(parcel) + len(line) > PIPE_BUF:
            yield parcel
            parcel = b""
        parcel += line
    yield parcel
