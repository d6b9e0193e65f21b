"""Captures the output of this process and its children for the log.

That includes the notebook's output, tracebacks, and messages of C libraries. Printing must never wait for the log's
reader, so a thread reads both standard streams from a pipe.
"""

import contextlib
import fcntl
import json
import os
import select
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import NamedTuple, TextIO

from nb_scorer.protocol import log_forms

from nb_service.log import Log, as_object

STANDARD = (1, 2)
AT_ONCE = 1 << 16
# A longer line is split, because each line is held in memory until it ends.
MAX_LENGTH = 1 << 20
# The pipe's capacity, for bursts of output; the system's default may be a single page.
PIPE_BYTES = 1 << 20
# An incomplete line is logged after this long, because its process may be hanging.
QUIET_MS = 1000


class Form(NamedTuple):
    """How captured output is logged: in groups within `moments` * `moment` seconds, formatted by `reshape`."""

    moment: float
    moments: int
    reshape: Callable[[bytes], bytes]


@contextlib.contextmanager
def opened_log(form: str, facts: int | None = None, *, quiet: bool = True, to_stderr: bool = False) -> Iterator[Log]:
    """Yield a log in the format `form` (text or json) that captures the standard streams until the context exits.

    It goes to stdout, or to stderr. `facts` and `quiet` are as in Log.
    """
    log = Log(os.dup(STANDARD[to_stderr]), as_json=form == log_forms.JSON, facts=facts, quiet=quiet)
    captured = CapturedOutput(log)
    try:
        yield log
    finally:
        captured.close()
        log.close()


# The standard streams that were closed when this process started.
_closed: set[int] = set()


def was_closed(number: int) -> bool:
    """Return whether a standard stream was closed when this process started, so that output to it is lost."""
    return number in _closed


def open_closed_streams() -> None:
    """Open the null device for each closed standard stream.

    Otherwise, the next socket would get the stream's number, and the output.
    """
    for number in (0, *STANDARD):
        try:
            os.fstat(number)
        except OSError:
            _closed.add(number)
            null = os.open(os.devnull, os.O_RDWR)
            if null == number:
                os.set_inheritable(number, True)
            else:
                os.dup2(null, number)
                os.close(null)
    for number, name in zip(STANDARD, ("stdout", "stderr"), strict=True):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115 - for the whole process


def print_once(text: str, stream: TextIO) -> None:
    """Print `text` and flush it; raise OSError if that fails, with no text left in the buffer.

    The interpreter flushes its streams on exit: text left there would fail again and change the exit status.
    """
    try:
        print(text, file=stream, flush=True)
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
        raise


class CapturedOutput:
    """Passes the output of this process and its children to `log`, line by line, until `close`."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._form = AS_JSON if log.as_json else AS_TEXT
        self._originals = {number: os.dup(number) for number in STANDARD}
        self._reader, writer = os.pipe()
        with contextlib.suppress(OSError, AttributeError):
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        for number in STANDARD:
            os.dup2(writer, number)
        os.close(writer)
        if log.as_json:
            sys.excepthook = _print_exception
        self._poller = select.poll()
        self._poller.register(self._reader, select.POLLIN)
        self._thread = threading.Thread(target=self._read, name="captured-output", daemon=True)
        self._thread.start()

    def close(self, seconds: float = 1.0) -> None:
        """Restore the streams, and log the remaining output; stop after `seconds` if a child still has them open."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        for number, original in self._originals.items():
            os.dup2(original, number)
            os.close(original)
        self._thread.join(seconds)

    def _read(self) -> None:
        rest = b""
        while True:
            if rest and not self._poller.poll(QUIET_MS):
                lines, rest = rest + b"\n", b""
            elif data := self._read_burst():
                lines, rest = parted(rest + data)
            else:
                break
            self._hand_over(lines)
        self._hand_over(rest and rest + b"\n")

    def _read_burst(self) -> bytes:
        """Return the next output, including output that follows within a moment; b"" at the end of file."""
        data = os.read(self._reader, AT_ONCE)
        for _ in range(self._form.moments):
            if not data or len(data) >= AT_ONCE:
                break
            # A fixed sleep: polling for the next byte would wake this thread for each write.
            time.sleep(self._form.moment)
            if not self._poller.poll(0):
                break
            data += os.read(self._reader, AT_ONCE)
        return data

    def _hand_over(self, lines: bytes) -> None:
        try:
            if lines:
                self._log.captured(lines, self._form.reshape)
        except Exception:  # noqa: BLE001 - without this thread, every process that prints would block for ever
            self._log.captured(_encoded(as_object(traceback.format_exc())), bytes)


def parted(data: bytes) -> tuple[bytes, bytes]:
    """Return (complete lines, start of the next line); lines that are too long are split between characters."""
    lines, newline, rest = data.rpartition(b"\n")
    if len(rest) <= MAX_LENGTH:
        return lines + newline, rest
    at = len(rest)
    while at > len(rest) - 4 and rest[at - 1] & 0xC0 == 0x80:
        at -= 1
    at -= rest[at - 1] >= 0xC0
    return lines + newline + rest[:at] + b"\n", rest[at:]


def objects(printed: bytes) -> list[str]:
    """Return JSON objects for printed lines: lines with a JSON object unchanged, and text between them as a message."""
    json_lines: list[str] = []
    other_lines: list[str] = []
    for line in [*printed.decode("utf-8", "backslashreplace").split("\n"), None]:
        if line is not None and not _is_object(line):
            other_lines.append(line)
            continue
        if any(text.strip() for text in other_lines):
            json_lines.append(as_object("\n".join(other_lines)))
        other_lines = []
        if line is not None:
            json_lines.append(line)
    return json_lines


def _is_object(line: str) -> bool:
    try:
        return line.startswith("{") and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _lines_of_objects(printed: bytes) -> bytes:
    return b"".join(_encoded(line) for line in objects(printed.removesuffix(b"\n")))


def _encoded(line: str) -> bytes:
    return line.encode("utf-8", "backslashreplace") + b"\n"


# JSON waits longer, so that a traceback, which is written in many parts, becomes one message.
AS_JSON = Form(0.02, 10, _lines_of_objects)
AS_TEXT = Form(0.005, 1, bytes)


def _print_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an uncaught exception as one line of JSON."""
    print(as_object("".join(traceback.format_exception(kind, error, trace)).rstrip()), file=sys.stderr, flush=True)
