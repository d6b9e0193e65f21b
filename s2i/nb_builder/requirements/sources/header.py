"""The header of PEP 723: comments from `# /// script` to `# ///`, at the top of a script or in a cell."""

from pathlib import Path

from nbformat import NotebookNode

from nb_builder.requirements.sources import text
from nb_builder.requirements.sources.declaration import Packages, Unreadable

_BEGIN, _END = "# /// script", "# ///"


def read(path: Path, node: NotebookNode) -> Packages | None:
    """Return the content of the header of the notebook at `path`, or None. Raises Unreadable."""
    # A script's header is above its first cell.
    sources = [text.read(path)] if path.suffix == ".py" else [cell.source for cell in node.cells]
    content = next((content for source in sources if (content := _content(source)) is not None), None)
    if content is None:
        return None
    table = text.header(content)
    lines = table.get("dependencies", [])
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise Unreadable("the dependencies in its PEP 723 header are not a list of strings")
    return Packages(tuple(lines), python=str(table.get("requires-python", "")))


def _content(source: str) -> str | None:
    """Return the TOML between the header's marks; None if there is no header, or no end mark."""
    lines = [line.rstrip() for line in source.splitlines()]
    if _BEGIN not in lines:
        return None
    inside: list[str] = []
    for line in lines[lines.index(_BEGIN) + 1 :]:
        if line == _END:
            return "\n".join(inside)
        if not line.startswith("#"):
            return None
        inside.append(line[1:].removeprefix(" "))
    return None
