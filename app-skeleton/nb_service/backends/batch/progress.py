"""Progress of a job: a bar on a terminal, otherwise a log line every minute."""

import os
from collections.abc import Callable

BAR_SECONDS = 0.25
LINE_SECONDS = 60.0
_WIDTH = 30


class Progress:
    """Shows a job's progress; `descriptor` is a terminal's or None, `say` writes a log line."""

    def __init__(self, descriptor: int | None, say: Callable[[str], object], clock: Callable[[], float]) -> None:
        self._descriptor = descriptor if descriptor is not None and os.isatty(descriptor) else None
        self._say = say
        self._clock = clock
        self._began = self._shown_at = clock()
        self._rows_before: int | None = None
        self._shown = 0

    def show(self, rows: int, rejected: int, share: float | None) -> None:
        """Show that `rows` are done, some of them rejected; `share` is the share of all rows, if known."""
        now = self._clock()
        if self._rows_before is None:
            self._rows_before = rows
        if now - self._shown_at < (LINE_SECONDS if self._descriptor is None else BAR_SECONDS):
            return
        self._shown_at = now
        rate = (rows - self._rows_before) / max(now - self._began, 1e-6)
        text = _describe(rows, rejected, rate, share)
        if self._descriptor is None:
            self._say(text)
            return
        done = "" if share is None else f"[{'#' * int(share * _WIDTH):<{_WIDTH}}] {share:4.0%} "
        self._show(f"{done}{text}")

    def _show(self, line: str) -> None:
        padding = " " * max(0, self._shown - len(line))
        self._shown = len(line)
        if self._descriptor is not None:
            os.write(self._descriptor, f"\r{line}{padding}".encode())

    def end(self) -> None:
        """Finish the line on the terminal."""
        if self._shown:
            self._show("")
            self._show("")


def _describe(rows: int, rejected: int, rate: float, share: float | None) -> str:
    text = f"{rows} rows, {rate:.0f} a second"
    if share and rate:
        left = rows / share - rows
        text += f", about {left:.0f} left, {duration(left / rate)} to go"
    return text + (f", {rejected} rejected" if rejected else "")


def duration(seconds: float) -> str:
    """Return a duration as text."""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
