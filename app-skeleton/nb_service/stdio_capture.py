"""What is printed past the log, made part of it: prints of the notebook, tracebacks, words of C libraries.

It comes on the standard streams, from this process and from its children. Whoever prints must never wait for the log's
reader, so the streams are a pipe that a thread of ours reads always.
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
from typing import NamedTuple

from nb_scorer.protocol import log_forms

from nb_service.log import Log, as_object

STANDARD = (1, 2)
AT_ONCE = 1 << 16
# A line that is longer is cut: it would be held until it ends.
LONGEST = 1 << 20
# Room for bursts; the system's own default may be as little as a page.
PIPE_BYTES = 1 << 20
# What was begun and not ended for so long is shown as a line: its process may hang.
QUIET_MS = 1000


class Form(NamedTuple):
    """How a form of the log takes in what was printed: at once what comes within `moments` of `moment` seconds."""

    moment: float
    moments: int
    shaped: Callable[[bytes], bytes]


@contextlib.contextmanager
def opened_log(form: str, facts: int | None = None) -> Iterator[Log]:
    """Give the log in `form` (text or json); all of the standard streams is in it until it is closed.

    `facts` is as in Log.
    """
    log = Log(os.dup(STANDARD[0]), as_json=form == log_forms.JSON, facts=facts)
    strays = Strays(log)
    try:
        yield log
    finally:
        strays.close()
        log.close()


def open_closed_streams() -> None:
    """Open the null device for each standard stream that is closed, where a socket would get its number, and prints."""
    for number in (0, *STANDARD):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null == number:
                os.set_inheritable(number, True)
            else:
                os.dup2(null, number)
                os.close(null)
    for number, name in zip(STANDARD, ("stdout", "stderr"), strict=True):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115 - for the whole process


class Strays:
    """Reads what this process and its children print, as lines for `log`, until `close`."""

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
        self._thread = threading.Thread(target=self._read, name="strays", daemon=True)
        self._thread.start()

    def close(self, seconds: float = 1.0) -> None:
        """Give the streams back, and write what was printed; give up after `seconds` if a child still has them."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        for number, original in self._originals.items():
            os.dup2(original, number)
            os.close(original)
        self._thread.join(seconds)

    def _read(self) -> None:
        unended = b""
        while True:
            if unended and not self._poller.poll(QUIET_MS):
                whole, unended = unended + b"\n", b""
            elif data := self._some():
                whole, unended = parted(unended + data)
            else:
                break
            self._hand_over(whole)
        self._hand_over(unended and unended + b"\n")

    def _some(self) -> bytes:
        """Return what was printed and what follows within a moment; nothing at the end."""
        data = os.read(self._reader, AT_ONCE)
        for _ in range(self._form.moments):
            if not data or len(data) >= AT_ONCE:
                break
            # Not a wait for the next byte, at which this thread would wake up as often as anything is printed.
            time.sleep(self._form.moment)
            if not self._poller.poll(0):
                break
            data += os.read(self._reader, AT_ONCE)
        return data

    def _hand_over(self, whole: bytes) -> None:
        try:
            if whole:
                self._log.strays(whole, self._form.shaped)
        except Exception:  # noqa: BLE001 - without this thread all who print would wait for ever
            self._log.strays(_encoded(as_object(traceback.format_exc())), bytes)


def parted(data: bytes) -> tuple[bytes, bytes]:
    """Return (whole lines, what was begun after them); a line that is too long is cut, between two characters."""
    whole, newline, unended = data.rpartition(b"\n")
    if len(unended) <= LONGEST:
        return whole + newline, unended
    at = len(unended)
    while at > len(unended) - 4 and unended[at - 1] & 0xC0 == 0x80:
        at -= 1
    at -= unended[at - 1] >= 0xC0
    return whole + newline + unended[:at] + b"\n", unended[at:]


def objects(printed: bytes) -> list[str]:
    """Return lines of JSON: those that are objects as they are, and what stands between them as a message."""
    made: list[str] = []
    loose: list[str] = []
    for line in [*printed.decode("utf-8", "backslashreplace").split("\n"), None]:
        if line is not None and not _is_object(line):
            loose.append(line)
            continue
        if any(text.strip() for text in loose):
            made.append(as_object("\n".join(loose)))
        loose = []
        if line is not None:
            made.append(line)
    return made


def _is_object(line: str) -> bool:
    try:
        return line.startswith("{") and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _lines_of_objects(printed: bytes) -> bytes:
    return b"".join(_encoded(line) for line in objects(printed.removesuffix(b"\n")))


def _encoded(line: str) -> bytes:
    return line.encode("utf-8", "backslashreplace") + b"\n"


# The lines of a traceback, which come in many writes, are one message.
AS_JSON = Form(0.02, 10, _lines_of_objects)
AS_TEXT = Form(0.005, 1, bytes)


def _print_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an exception that nobody caught as one line."""
    print(as_object("".join(traceback.format_exception(kind, error, trace)).rstrip()), file=sys.stderr, flush=True)
