"""The entries of files that list one a line, such as requirements.txt and apt.txt."""

import re
from collections.abc import Iterator


def logical(text: str) -> Iterator[tuple[int, str]]:
    """Yield the entries of a requirements file with the line each begins in: comments off, continuations joined."""
    begun, number = "", 0
    for count, raw in enumerate(text.splitlines(), start=1):
        number = number or count
        continues = raw.endswith("\\")
        part = re.sub(r"(^|\s)#.*$", "", raw.removesuffix("\\"))
        begun = f"{begun} {part.strip()}".strip()
        if continues:
            continue
        if begun:
            yield number, begun
        begun, number = "", 0
    if begun:
        yield number, begun
