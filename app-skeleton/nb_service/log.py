"""The service's log: lines on stdout, written by a thread so that a slow reader never stops the loop."""

import json
import os
import queue
import sys
import threading
import time

# Beyond this many waiting lines the reader is not reading; lines are dropped and counted.
MOST_WAITING = 20_000
# So many batches of lines may wait to be written.
FAR_BEHIND = 100
_END = object()


class Log:
    """Lines for stdout: `say` for what happens, `request` for what is asked, written in batches.

    With `as_json` each line is a JSON object; `request` gets its lines ready made.
    """

    def __init__(self, descriptor: int | None = None, *, as_json: bool = False) -> None:
        self.as_json = as_json
        # Not sys.stdout itself: what it could not write would wait in it and spoil the exit code.
        self._descriptor = sys.stdout.fileno() if descriptor is None else descriptor
        self._queue: queue.SimpleQueue = queue.SimpleQueue()
        self._requests: list[str] = []
        self._dropped = 0
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def say(self, text: str) -> None:
        """Write `text` as a line, soon."""
        self.flush()
        self._queue.put((as_object(text) if self.as_json else text) + "\n")

    def strays(self, lines: list[str]) -> bool:
        """Write `lines` as they are, from any thread; return False where nobody reads, and they are left out."""
        if self._queue.qsize() >= FAR_BEHIND:
            return False
        self._queue.put("\n".join(lines) + "\n")
        return True

    def request(self, line: str) -> None:
        """Remember a line of the access log until `flush`."""
        if len(self._requests) < MOST_WAITING:
            self._requests.append(line)
        else:
            self._dropped += 1

    def flush(self) -> None:
        """Hand what `request` remembered to the writing thread, unless it is far behind."""
        if self._requests and self._queue.qsize() < FAR_BEHIND:
            lines, self._requests = self._requests, []
            if self._dropped:
                words = left_out(self._dropped)
                lines.append(as_object(words) if self.as_json else words)
                self._dropped = 0
            self._queue.put("\n".join(lines) + "\n")

    def close(self, seconds: float = 1.0) -> None:
        """Write what waits; give up after `seconds` when nobody reads."""
        self.flush()
        self._queue.put(_END)
        self._thread.join(seconds)

    def _write(self) -> None:
        while (text := self._queue.get()) is not _END:
            data = text.encode("utf-8", "backslashreplace")
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except OSError:
                # The reader is gone; the service is not.
                time.sleep(0.1)


def as_object(message: str, **facts) -> str:
    """Return a line of a log in JSON: an object with time, message and `facts`."""
    return json.dumps({"time": stamp(), "message": message, **facts})


def left_out(count: int) -> str:
    """Return what the log says of lines that it does not have."""
    return f"({count} lines were left out: nobody read this log fast enough)"


_stamp = (0, "")


def stamp() -> str:
    """Return the time as the log shows it, made anew once a second."""
    global _stamp  # noqa: PLW0603 - one value a second for all lines
    now = int(time.time())
    if _stamp[0] != now:
        _stamp = (now, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)))
    return _stamp[1]
