"""A build's log: one `---> step` line a step, everything on stdout.

s2i takes some texts on stderr, such as "tar... not found", for a broken image and silently runs assemble
a second time; so a build writes nothing to stderr.
"""

import sys
from typing import TextIO


class Log:
    """Prints steps and lines to `stream` (stdout by default), and flushes each at once."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout

    def step(self, text: str) -> None:
        """Print the title of one step of the build."""
        self.line(f"---> {text}")

    def line(self, text: str) -> None:
        """Print one line; characters that the stream's encoding lacks are escaped."""
        encoding = self.stream.encoding or "utf-8"
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=self.stream, flush=True)

    def note(self, text: str) -> None:
        """Print something that the user should know although the build goes on."""
        self.line(f"     note: {text}")
