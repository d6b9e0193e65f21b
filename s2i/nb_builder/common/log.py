"""A build's log: one `---> step` line per step, everything on stdout.

s2i interprets some texts on stderr, such as "tar... not found", as a broken image and silently runs assemble again. So
a build writes nothing to stderr.

The log contains names, source code and output of untrusted notebooks. It is escaped, so that terminals and CI servers
find no commands in it.
"""

import os
import re
import sys
from typing import TextIO

from nb_builder.common import visible

# Colours on a terminal, as SGR codes of ECMA-48: bold titles, red problems, green fixes, yellow notes.
_COLOURED = (
    (re.compile(r"^---> .*", re.MULTILINE), "1"),
    (re.compile(r"^ERROR:", re.MULTILINE), "1;31"),
    (re.compile(r"^  Fix:", re.MULTILINE), "32"),
    (re.compile(r"^ +note:", re.MULTILINE), "33"),
)


class Log:
    """Prints steps and lines to `stream` (stdout by default), and flushes each at once; in colour on a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self._in_colours = takes_colours(self.stream)

    def step(self, text: str) -> None:
        """Print the title of a build step on one line."""
        self._print(f"---> {visible.line(text)}")

    def line(self, text: str) -> None:
        """Print one or several lines; escape what `visible` escapes, and characters that the encoding lacks."""
        self._print(text)

    def _print(self, text: str) -> None:
        text = visible.no_commands(visible.lines(text))
        encoding = self.stream.encoding or "utf-8"
        if self._in_colours:
            for pattern, code in _COLOURED:
                text = pattern.sub(f"\x1b[{code}m\\g<0>\x1b[0m", text)
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=self.stream, flush=True)

    def detail(self, text: str) -> None:
        """Print a line below a step, about its progress or findings."""
        self._print(f"     {text}")

    def note(self, text: str, *, is_routine: bool = False) -> None:
        """Print a note, on one line: something that users should know although the build continues.

        Notes with `is_routine` are expected whenever a notebook is built at each save.
        """
        self._print(f"     note: {visible.line(text)}")


def takes_colours(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that shows colours, and NO_COLOR (no-color.org) doesn't forbid them."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and (os.environ.get("TERM") or "dumb") != "dumb"
