"""The header of PEP 723: comments from `# /// script` to `# ///`, at the top of a script or in a cell."""

from collections.abc import Iterable

from nb_builder.cells import Cell
from nb_builder.sources.base import Said, Unreadable
from nb_builder.sources.text import tomllib

_BEGIN, _END = "# /// script", "# ///"


def read(cells: Iterable[Cell]) -> Said | None:
    """Return what the header in one of the cells says; None without one. Raises Unreadable."""
    content = next((content for cell in cells if (content := _content(cell.source)) is not None), None)
    if content is None:
        return None
    try:
        table = tomllib.loads(content)
    except tomllib.TOMLDecodeError as wrong:
        raise Unreadable(f"its header of PEP 723 is no TOML ({wrong})") from None
    lines = table.get("dependencies", [])
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise Unreadable("the dependencies in its header of PEP 723 are no list of texts")
    return Said(tuple(lines), python=str(table.get("requires-python", "")))


def _content(source: str) -> str | None:
    """Return the TOML between the header's marks; None where there is no header, or one without an end."""
    lines = [line.rstrip() for line in source.splitlines()]
    if _BEGIN not in lines:
        return None
    inside = []
    for line in lines[lines.index(_BEGIN) + 1 :]:
        if line == _END:
            return "\n".join(inside)
        if not line.startswith("#"):
            return None
        inside.append(line[1:].removeprefix(" "))
    return None
