"""The service's log: lines on stdout, written by a thread, so that a slow reader never stops the loop."""

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

# How many bytes may wait to be written. Beyond that nobody is reading, and lines are left out and counted.
MAX_WAITING = 8 << 20
# How many of these may be captured output, so that there is always room for the service's own lines.
MAX_OF_CAPTURED = MAX_WAITING // 2
# Lines of requests go to the writing thread in batches of about this size, or at the next flush.
PARCEL = 1 << 16
TRY_AGAIN_SECONDS = 0.1
# How often the owner of a log calls `flush`.
FLUSH_SECONDS = 0.2
# The option that passes a service the descriptor for facts.
FACTS = "--facts"
# The same to a program that serves people: their requests are logged.
READY = "--ready"
_END = object()
# Control characters, and controls of writing direction, which show a line in another order than it has.
_BIDI = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
# What CI servers take for commands where they show a log: GitHub reads `::error::` where a line begins, and `##[error]`
# anywhere, Azure Pipelines also `##vso[…]`. JSON has its own escape.
_COMMAND = re.compile(rb"^([ \t]*):(?=:\w)|(?<=#)#(?=(?:vso)?\[)", re.MULTILINE)
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"} | {
    code: f"\\u{code:04x}" for code in _BIDI
}


class Log:
    """Lines for stdout: `say` for events, `request` for the access log, `captured` for what others print.

    With `as_json` each line is a JSON object; `request` gets its lines already formatted. `captured` is for any thread,
    everything else for the loop's only. `facts` is a descriptor to a program that has started this service: facts go
    there, so that it need not parse sentences. Where it only tests the service, it is `quiet`: no request is logged.
    """

    def __init__(
        self, descriptor: int | None = None, *, as_json: bool = False, facts: int | None = None, quiet: bool = True
    ) -> None:
        self.as_json = as_json
        self._facts = facts
        self._quiet = quiet and facts is not None
        # Not sys.stdout: what that could not write would stay in its buffer and change the exit code.
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
        """Have `text` written as a line."""
        self.flush()
        self._put(_encoded((as_object(text) if self.as_json else visible(text)) + "\n"), MAX_WAITING)

    def say_last(self, text: str) -> None:
        """Have `text` written as a line once all else is, at `close`."""
        self._last.append(text)

    def captured(self, printed: bytes, shaped: Callable[[bytes], bytes]) -> None:
        """Have complete lines that others printed written, in the form `shaped`, unless the reader is far behind."""
        if self._has_room(printed, MAX_OF_CAPTURED):
            self._put(shaped(printed), MAX_OF_CAPTURED)
        else:
            self._leave_out(printed.count(b"\n"))

    def fact(self, **facts: object) -> None:
        """Write `facts` as a line of JSON to the program that tests this service, if there is one."""
        if self._facts is not None:
            # Facts are few and short, so the pipe has room for them. A program that is gone needs none.
            with contextlib.suppress(BrokenPipeError):
                os.write(self._facts, json.dumps(facts).encode("ascii") + b"\n")

    def request(self, line: str) -> None:
        """Keep a line of the access log until `flush`."""
        if self._quiet:
            return
        self._requests.append(line)
        self._size_of_requests += len(line)
        if self._size_of_requests >= PARCEL:
            self.flush()

    def flush(self) -> None:
        """Hand the lines that `request` kept to the writing thread."""
        if self._requests:
            lines, self._requests, self._size_of_requests = self._requests, [], 0
            self._put(_encoded("\n".join(lines) + "\n"), MAX_WAITING)

    def close(self, seconds: float = 1.0) -> None:
        """Write what waits; give up after `seconds` if nobody reads."""
        self.flush()
        for text in self._last:
            self.say(text)
        self._put(b"", MAX_WAITING)
        self._closing.set()
        self._queue.put(_END)
        self._thread.join(seconds)

    def _has_room(self, data: bytes, limit: int) -> bool:
        # Something larger than the limit is accepted where nothing else waits.
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
        """Write `data`; if that fails, since the reader is gone or the disk is full, count its lines as left out."""
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
    """Return `text` with escapes for what a terminal or a CI server obeys; tabs and line breaks stay."""
    return _without_commands(_encoded(text.translate(_CONTROLS)), rb"\x23").decode("utf-8")


def _without_commands(data: bytes, hashes: bytes) -> bytes:
    """Return lines of a log without commands to CI servers; `hashes` stands for the second sign of two."""
    if b"##" not in data and b"::" not in data:
        return data
    return _COMMAND.sub(lambda sign: hashes if sign[1] is None else sign[1] + rb"\x3a", data)


def as_object(message: str, **facts: object) -> str:
    """Return a line of a JSON log: an object with time, message and `facts`."""
    return json.dumps({"time": stamp(), "message": message, **facts})


def left_out(count: int) -> str:
    """Return what the log says about lines that were left out."""
    return f"({count} lines were left out: this log was read too slowly)"


_stamp = (0, "")


def stamp() -> str:
    """Return the time as the log shows it, formatted once a second."""
    global _stamp  # noqa: PLW0603 - one value a second for all lines
    now = int(time.time())
    if _stamp[0] != now:
        _stamp = (now, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)))
    return _stamp[1]
