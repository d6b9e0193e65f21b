"""The service's log: lines on stdout, written by a thread, so that a slow reader never blocks the loop."""

import contextlib
import json
import os
import queue
import re
import select
import sys
import threading
import time
from collections.abc import Callable

# How many bytes may wait to be written. Beyond that, the reader has stopped, so lines are dropped and counted.
MAX_WAITING = 8 << 20
# How many of these may be captured output; the rest is reserved for the service's own lines.
MAX_OF_CAPTURED = MAX_WAITING // 2
# Request lines are passed to the writing thread in batches of about this size, or at the next flush.
PARCEL = 1 << 16
TRY_AGAIN_SECONDS = 0.1
# How often the owner of a log calls `flush`.
FLUSH_SECONDS = 0.2
# The option for the descriptor to which a service reports facts.
FACTS = "--facts"
# The same for a program whose users send requests, which are therefore logged.
READY = "--ready"
_END = object()
# Control characters for writing direction, which can reorder the displayed line.
_BIDI = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
# Text that CI servers interpret as commands in a log: GitHub reads `::error::` at the start of a line, and `##[error]`
# anywhere, Azure Pipelines also `##vso[…]`. JSON has its own escape.
_COMMAND = re.compile(rb"^([ \t]*):(?=:\w)|(?<=#)#(?=(?:vso)?\[)", re.MULTILINE)
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"} | {
    code: f"\\u{code:04x}" for code in _BIDI
}


class Log:
    """The log on stdout: `say` for events, `request` for the access log, `captured` for output of other processes.

    With `as_json`, each line is a JSON object; `request` receives formatted lines. `captured` is safe for any thread,
    everything else is for the loop's only. `facts` is a descriptor to the program that started this service: it
    receives facts, so that it need not parse sentences. If that program only tests the service, the log is `quiet`: no
    request is logged.
    """

    def __init__(
        self, descriptor: int | None = None, *, as_json: bool = False, facts: int | None = None, quiet: bool = True
    ) -> None:
        self.as_json = as_json
        self._facts = facts
        self._quiet = quiet and facts is not None
        # Not sys.stdout: text that it can't write would stay in its buffer and change the exit status.
        self._descriptor = sys.stdout.fileno() if descriptor is None else descriptor
        self._requests: list[str] = []
        self._size_of_requests = 0
        self._queue: queue.SimpleQueue = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = 0
        self._left_out = 0
        self._last: list[str] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def say(self, text: str) -> None:
        """Log `text` as a line."""
        self.flush()
        self._put(_encoded((as_object(text) if self.as_json else visible(text)) + "\n"), MAX_WAITING)

    def say_last(self, text: str) -> None:
        """Log `text` as the last line, on `close`."""
        self._last.append(text)

    def captured(self, printed: bytes, shaped: Callable[[bytes], bytes]) -> None:
        """Log complete lines of other processes, formatted by `shaped`, unless the reader is far behind."""
        if self._has_room(printed, MAX_OF_CAPTURED):
            self._put(shaped(printed), MAX_OF_CAPTURED)
        else:
            self._leave_out(printed.count(b"\n"))

    def fact(self, **facts: object) -> None:
        """Send `facts` as a line of JSON to the program that started this service, if it requested them."""
        if self._facts is not None:
            # Facts are few and short, so they fit into the pipe's buffer. If the program has exited, they are lost.
            with contextlib.suppress(BrokenPipeError):
                os.write(self._facts, json.dumps(facts).encode("ascii") + b"\n")

    def request(self, line: str) -> None:
        """Keep a line of the access log until the next `flush`."""
        if self._quiet:
            return
        self._requests.append(line)
        self._size_of_requests += len(line)
        if self._size_of_requests >= PARCEL:
            self.flush()

    def flush(self) -> None:
        """Pass the lines kept by `request` to the writing thread."""
        if self._requests:
            lines, self._requests, self._size_of_requests = self._requests, [], 0
            self._put(_encoded("\n".join(lines) + "\n"), MAX_WAITING)

    def close(self, seconds: float = 1.0) -> None:
        """Write pending lines; give up after `seconds` without progress of the reader."""
        self.flush()
        for text in self._last:
            self.say(text)
        self._put(b"", MAX_WAITING)
        self._closing.set()
        self._queue.put(_END)
        self._thread.join(seconds)

    def _has_room(self, data: bytes, limit: int) -> bool:
        # Data larger than the limit is accepted if no other data waits.
        return not self._waiting or self._waiting + len(data) <= limit

    def _put(self, data: bytes, limit: int) -> None:
        data = _without_commands(data, rb"\u0023" if self.as_json else rb"\x23")
        with self._lock:
            has_room = self._has_room(data, limit)
            if has_room:
                data = self._note_of_left_out() + data
                self._waiting += len(data)
                self._queue.put(data)
        if not has_room:
            self._leave_out(data.count(b"\n"))

    def _note_of_left_out(self) -> bytes:
        if not self._left_out:
            return b""
        note, self._left_out = left_out(self._left_out), 0
        return _encoded((as_object(note) if self.as_json else note) + "\n")

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
        """Write `data`; if that fails, because the reader has exited or the disk is full, count lines as dropped."""
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                # Another process that shares stdout has made it non-blocking.
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


def visible(text: str) -> str:
    """Return `text` with control characters for terminals and CI commands escaped; tabs and line breaks stay."""
    return _without_commands(_encoded(text.translate(_CONTROLS)), rb"\x23").decode("utf-8")


def _without_commands(data: bytes, hashes: bytes) -> bytes:
    """Return log lines without commands for CI servers; `hashes` replaces the second of two hash signs."""
    if b"##" not in data and b"::" not in data:
        return data
    return _COMMAND.sub(lambda sign: hashes if sign[1] is None else sign[1] + rb"\x3a", data)


def as_object(message: str, **facts: object) -> str:
    """Return a line of a JSON log: an object with time, message and `facts`."""
    return json.dumps({"time": stamp(), "message": message, **facts})


def left_out(count: int) -> str:
    """Return the log's text about dropped lines."""
    return f"({count} lines were dropped: this log was read too slowly)"


_stamp = (0, "")


def stamp() -> str:
    """Return the time in the log's format, formatted once a second."""
    global _stamp  # noqa: PLW0603 - one value a second for all lines
    now = int(time.time())
    if _stamp[0] != now:
        _stamp = (now, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)))
    return _stamp[1]
