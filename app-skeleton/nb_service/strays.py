"""What is printed past the log, made lines of a log in JSON.

Tracebacks of ours, words of the interpreter, of C libraries and of the scorers come on the standard
streams, and as text. A log that a machine reads must have none of it.
"""

import json
import os
import select
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from nb_scorer import prints

from nb_service.log import Log, as_object, left_out

STANDARD = (1, 2)
# What comes within a moment, such as the lines of a traceback, is one message.
MOMENT_MS = 20
MOST = 1 << 16


@contextmanager
def opened_log(form: str) -> Iterator[Log]:
    """Give the log in `form` (text or json); in JSON all of the standard streams is in it until it is closed."""
    as_json = form == prints.JSON
    log = Log(os.dup(STANDARD[0]) if as_json else None, as_json=as_json)
    strays = Strays(log) if as_json else None
    try:
        yield log
    finally:
        if strays:
            strays.close()
        log.close()


class Strays:
    """Reads what this process and its children print, as lines for `log`, until `close`."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._left_out = 0
        self._kept = {number: os.dup(number) for number in STANDARD}
        self._reader, writer = os.pipe()
        for number in STANDARD:
            os.dup2(writer, number)
        os.close(writer)
        sys.excepthook = _tell
        self._thread = threading.Thread(target=self._read, name="strays", daemon=True)
        self._thread.start()

    def close(self, seconds: float = 1.0) -> None:
        """Give the streams back, and write what was printed; give up after `seconds` if a child holds them still."""
        sys.stdout.flush()
        sys.stderr.flush()
        for number, kept in self._kept.items():
            os.dup2(kept, number)
            os.close(kept)
        self._thread.join(seconds)

    def _read(self) -> None:
        held = b""
        while data := self._some():
            whole, newline, held = (held + data).rpartition(b"\n")
            if newline:
                self._write(whole)
            elif len(held) > MOST:
                self._write(held)
                held = b""
        self._write(held)

    def _some(self) -> bytes:
        """Return what was printed and what follows within a moment; nothing at the end."""
        poller = select.poll()
        poller.register(self._reader, select.POLLIN)
        data = os.read(self._reader, MOST)
        while data and len(data) < MOST and poller.poll(MOMENT_MS):
            more = os.read(self._reader, MOST)
            if not more:
                break
            data += more
        return data

    def _write(self, printed: bytes) -> None:
        lines = objects(printed)
        if not lines:
            return
        told = [as_object(left_out(self._left_out))] if self._left_out else []
        if self._log.strays([*told, *lines]):
            self._left_out = 0
        else:
            self._left_out += len(lines)


def objects(printed: bytes) -> list[str]:
    """Return lines of JSON: those that are objects as they are, and what stands between them as a message."""
    made: list[str] = []
    loose: list[str] = []
    for line in [*printed.decode("utf-8", "backslashreplace").split("\n"), None]:
        is_object = line is not None and _is_object(line)
        if line is not None and not is_object:
            loose.append(line)
            continue
        if any(text.strip() for text in loose):
            made.append(as_object("\n".join(loose)))
        loose = []
        if is_object:
            made.append(line)
    return made


def _is_object(line: str) -> bool:
    try:
        return line.startswith("{") and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _tell(kind, error, trace) -> None:
    """Print an exception that nobody caught as one line."""
    print(as_object("".join(traceback.format_exception(kind, error, trace)).rstrip()), file=sys.stderr, flush=True)
