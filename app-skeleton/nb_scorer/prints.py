"""What the notebook prints while it serves, marked with its process, so that it is found in the service's log."""

import contextlib
import io
import json
import os
import time

# What is written at once, and is not longer, stays whole in a pipe into which other processes write, too (POSIX).
PIPE_BUF = 4096
PLAIN = "plain"  # as it is: in a build
TEXT = "text"  # [scorer PID] before each line
JSON = "json"  # one JSON object a print


class Marked(io.TextIOWrapper):
    """A standard stream whose lines say which process printed them; what can't be written is lost, and no error."""

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
        """Return the lines that `text` becomes."""
        if self._form == JSON:
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            facts = {"time": now, "scorer": os.getpid(), "stream": self._name, "message": text}
            return [json.dumps(facts)]
        mark = "[scorer {}] ".format(os.getpid())
        return [mark + line for line in text.split("\n")]


def _parcels(lines):
    """Yield the bytes of `lines`, as many whole ones together as stay whole."""
    parcel = b""
    for line in lines:
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        if parcel and len(parcel) + len(data) > PIPE_BUF:
            yield parcel
            parcel = b""
        parcel += data
    yield parcel
