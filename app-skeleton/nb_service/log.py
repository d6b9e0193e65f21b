"""The service's log: lines on stdout, written by a thread so that a slow reader never stops the loop."""

import contextlib
import json
import os
import queue
import select
import sys
import threading
import time
from collections.abc import Callable

# So many bytes may wait to be written: beyond them the reader is not reading, and lines are left out and counted.
MOST_WAITING = 8 << 20
# Of these, what is printed past the log may have so many: the service's own words must have room beside it.
MOST_OF_STRAYS = MOST_WAITING // 2
# Lines of requests are handed over in parcels of about this size, or at the next flush.
PARCEL = 1 << 16
TRY_AGAIN_SECONDS = 0.1
# How often those who have a log let its lines of requests go.
FLUSH_SECONDS = 0.2
# The option by which a service is given a descriptor for facts.
FACTS = "--facts"
_END = object()


class Log:
    """Lines for stdout: `say` for what happens, `request` for what is asked, `strays` for what others print.

    With `as_json` each line is a JSON object; `request` gets its lines ready made. `strays` is for any thread,
    all else for the loop's own. `facts` is a descriptor for the program that asks this service and reads its log:
    what it has to know goes there, apart from the sentences, and its own requests are in no log.
    """

    def __init__(self, descriptor: int | None = None, *, as_json: bool = False, facts: int | None = None) -> None:
        self.as_json = as_json
        self._facts = facts
        # Not sys.stdout itself: what it could not write would wait in it and spoil the exit code.
        self._descriptor = sys.stdout.fileno() if descriptor is None else descriptor
        self._requests: list[str] = []
        self._size_of_requests = 0
        self._queue: queue.SimpleQueue = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = 0
        self._left_out = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def say(self, text: str) -> None:
        """Write `text` as a line, soon."""
        self.flush()
        self._put(_encoded((as_object(text) if self.as_json else text) + "\n"), MOST_WAITING)

    def strays(self, printed: bytes, shaped: Callable[[bytes], bytes]) -> None:
        """Write whole lines that others printed, `shaped` for this log, unless its reader is far behind."""
        if self._has_room(printed, MOST_OF_STRAYS):
            self._put(shaped(printed), MOST_OF_STRAYS)
        else:
            self._leave_out(printed.count(b"\n"))

    def fact(self, **facts: object) -> None:
        """Tell `facts` to the program that asked for them, if one did, as a line of JSON."""
        if self._facts is not None:
            # Few and short, so a pipe takes them at once; where the program is gone, nobody is left to tell.
            with contextlib.suppress(BrokenPipeError):
                os.write(self._facts, json.dumps(facts).encode("ascii") + b"\n")

    def request(self, line: str) -> None:
        """Remember a line of the access log until `flush`."""
        if self._facts is not None:
            return
        self._requests.append(line)
        self._size_of_requests += len(line)
        if self._size_of_requests >= PARCEL:
            self.flush()

    def flush(self) -> None:
        """Hand what `request` remembered to the writing thread."""
        if self._requests:
            lines, self._requests, self._size_of_requests = self._requests, [], 0
            self._put(_encoded("\n".join(lines) + "\n"), MOST_WAITING)

    def close(self, seconds: float = 1.0) -> None:
        """Write what waits; give up after `seconds` when nobody reads."""
        self.flush()
        self._put(b"", MOST_WAITING)
        self._closing.set()
        self._queue.put(_END)
        self._thread.join(seconds)

    def _has_room(self, data: bytes, most: int) -> bool:
        # What is larger than all the room there is comes through where nothing else waits.
        return not self._waiting or self._waiting + len(data) <= most

    def _put(self, data: bytes, most: int) -> None:
        with self._lock:
            has_room = self._has_room(data, most)
            if has_room:
                data = self._note_of_left_out() + data
                self._waiting += len(data)
                self._queue.put(data)
        if not has_room:
            self._leave_out(data.count(b"\n"))

    def _note_of_left_out(self) -> bytes:
        if not self._left_out:
            return b""
        words, self._left_out = left_out(self._left_out), 0
        return _encoded((as_object(words) if self.as_json else words) + "\n")

    def _leave_out(self, lines: int) -> None:
        with self._lock:
            self._left_out += lines

    def _write(self) -> None:
        while (data := self._queue.get()) is not _END:
            try:
                self._write_out(memoryview(data))
            finally:
                with self._lock:
                    self._waiting -= len(data)

    def _write_out(self, data: memoryview) -> None:
        """Write `data`; where that can't be done, for the reader is gone or the disk full, count it as left out."""
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                # Somebody who shares stdout made it so.
                _wait_for_room(self._descriptor)
            except OSError:
                self._leave_out(bytes(data).count(b"\n"))
                self._closing.wait(TRY_AGAIN_SECONDS)
                return


def _wait_for_room(descriptor: int) -> None:
    poller = select.poll()
    poller.register(descriptor, select.POLLOUT)
    poller.poll()


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def as_object(message: str, **facts: object) -> str:
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
