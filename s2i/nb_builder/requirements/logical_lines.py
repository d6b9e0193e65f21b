"""Logical lines of files that have one entry per line, such as requirements.txt and apt.txt."""

import re
from collections.abc import Iterator


def logical(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line number, entry) for each entry of a requirements file: comments removed, continuations joined."""
    entry, first_line = "", 0
    for line_number, line in enumerate(text.splitlines(), start=1):
        first_line = first_line or line_number
        continues = line.endswith("\\")
        part = re.sub(r"(^|\s)#.*$", "", line.removesuffix("\\"))
        entry = f"{entry} {part.strip()}".strip()
        if continues:
            continue
        if entry:
            yield first_line, entry
        entry, first_line = "", 0
    if entry:
        yield first_line, entry
