"""Reads a Python script in percent format (`# %%` before each cell).

VS Code, Spyder and jupytext write such scripts. docs/explanation/decisions explains why jupytext isn't used.
"""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from nb_builder.common import syntax_trees
from nb_builder.rewrite.magics import as_python
from nb_builder.rewrite.names import bound
from nb_builder.rewrite.number_cells import BEGINS

# "# %%time" is a commented magic, not a marker: a marker's %% ends the line or is followed by a space.
_MARKER = re.compile(r"#\s*%%+(?P<title>\s.*|\[.*|)$")
_KIND = re.compile(r"\[(markdown|md|raw)\]")
_TAGS = re.compile(r"\btags\"?\s*[=:]\s*(\[[^]]*\])")
_LANGUAGE = re.compile(r"\blanguage=\"(\w+)\"")
_ARGUMENTS = re.compile(r"\bmagic_args=\"([^\"]*)\"")

# jupytext comments out magics, so that the script stays valid Python: `# %time`, `# !ls`, `# a = !ls`. `# %s items` is
# a comment, because no line magic has a one-letter name. With two hashes, the author has disabled the magic; `#!`
# without a space is a shebang.
_COMMENTED = re.compile(
    r"(?P<indent>\s*)#(?!!) ?(?P<code>(?:[A-Za-z_]\w* = )?(?:%%[a-zA-Z]|%[a-zA-Z]\w|![a-zA-Z.~$/{]).*)$"
)

# Used for cells without a syntax tree.
_DEFINES_PREDICTOR = re.compile(r"^\s*(?:async\s+def|def|class)\s+predictor\b|^\s*predictor\s*=[^=]", re.MULTILINE)
_HEADER = re.compile(r"(?:#!.*\n)?# ---\n(?P<yaml>(?:#.*\n)*?)# ---\n")


@dataclass
class _Part:
    """The lines between two markers, the title in the first marker, and the number of the first line."""

    begins: int
    title: str = ""
    lines: list[str] = field(default_factory=list)


def has_cells(text: str) -> bool:
    """Return whether a script has a marker, which starts a cell."""
    return any(map(_MARKER.match, text.splitlines()))


def is_notebook(text: str) -> bool:
    """Return whether a script is certainly a notebook: it has a marker, and a cell (apparently) binds predictor."""
    return has_cells(text) and any(
        _has_predictor(as_python(cell.source)) for cell in parse(text).cells if cell.cell_type == "code"
    )


def _has_predictor(source: str) -> bool:
    if syntax_trees.tree(source) is None:
        return _DEFINES_PREDICTOR.search(source) is not None
    return "predictor" in bound(syntax_trees.statements(source))


def markers(text: str) -> list[int]:
    """Return the line numbers, from 1, of the markers."""
    _, *parts = _parts(text, _header_lines(text))
    return [part.begins - 1 for part in parts]


def parse(text: str) -> NotebookNode:
    """Return the notebook in the script `text`; without a marker, the script is one cell."""
    header = _HEADER.match(text)
    above, *parts = _parts(text, _header_lines(text))
    cells = [_cell(part) for part in ([above] if _says_something(above.lines) else []) + parts]
    for cell in cells:
        # nbformat's IDs are random, and a build must be repeatable; format 4.4 has no IDs.
        cell.pop("id")
    return new_notebook(cells=cells, metadata=_metadata(header["yaml"] if header else ""), nbformat_minor=4)


def _header_lines(text: str) -> int:
    header = _HEADER.match(text)
    return header.group().count("\n") if header else 0


def _parts(text: str, skipped: int) -> Iterator[_Part]:
    part = _Part(skipped + 1)
    for number, line in enumerate(text.splitlines()[skipped:], start=skipped + 1):
        marker = _MARKER.match(line)
        if marker is None or _in_string(part.lines):
            part.lines.append(line)
            continue
        yield part
        part = _Part(number + 1, marker["title"].strip())
    yield part


def _in_string(lines: list[str]) -> bool:
    """Return whether a triple-quoted string is still open after `lines`."""
    source = "\n".join(lines)
    if '"""' not in source and "'''" not in source:
        return False
    try:
        ast.parse(source)
    except SyntaxError as error:
        return "unterminated triple-quoted" in str(error.msg)
    except (ValueError, RecursionError, MemoryError):
        return False
    return False


def _says_something(lines: list[str]) -> bool:
    """Return whether `lines` contain more than comments: above the first marker, there is often only a licence."""
    return any(not re.match(r"\s*(#|$)", line) for line in revived(lines).splitlines())


def _cell(part: _Part) -> NotebookNode:
    kind = _KIND.search(part.title)
    metadata: dict[str, object] = {"tags": _tags(part.title)} if "tags" in part.title else {}
    if kind:
        make = new_raw_cell if kind[1] == "raw" else new_markdown_cell
        return make(_uncommented(part.lines), metadata=metadata)
    language = _LANGUAGE.search(part.title)
    if language:
        arguments = _ARGUMENTS.search(part.title)
        magic = " ".join(["%%" + language[1], *(arguments.groups() if arguments else ())])
        # The magic is on the marker's line.
        metadata["nb_builder"] = {BEGINS: part.begins - 1}
        return new_code_cell(f"{magic}\n{_uncommented(part.lines)}", metadata=metadata)
    return new_code_cell(revived(part.lines), metadata={**metadata, "nb_builder": {BEGINS: part.begins}})


def _tags(title: str) -> list[str]:
    match = _TAGS.search(title)
    try:
        return [str(tag) for tag in json.loads(match[1].replace("'", '"'))] if match else []
    except ValueError:
        return []


def _uncommented(lines: list[str]) -> str:
    """Return Markdown or raw text, which is written as comments or as one triple-quoted string."""
    text = "\n".join(lines).strip()
    for quotes in ('"""', "'''"):
        if len(text) >= len(quotes) * 2 and text.startswith(quotes) and text.endswith(quotes):
            return text[3:-3].strip("\n")
    return "\n".join(re.sub(r"^# ?", "", line) for line in text.splitlines())


def revived(lines: list[str]) -> str:
    """Return code with its commented magics restored; line numbers stay the same."""
    result: list[str] = []
    continued = False
    for line in lines:
        commented = None if continued else _COMMENTED.match(line)
        if commented and _in_string(result):
            commented = None
        if commented:
            result.append(commented["indent"] + commented["code"])
        else:
            result.append(re.sub(r"^\s*# ?", "", line) if continued else line)
        # A shell command may be continued; jupytext comments out the following lines, too.
        continued = (commented is not None or continued) and line.endswith("\\")
    return "\n".join(result).rstrip("\n")


def _metadata(yaml: str) -> dict:
    """Return the kernelspec in jupytext's header, parsed in the only layout that jupytext writes."""
    after = yaml.partition("kernelspec:")[2]
    pairs = re.findall(r"^#\s+(display_name|language|name): *['\"]?(.*?)['\"]?$", after, re.MULTILINE)
    return {"kernelspec": {"display_name": "Python 3", "name": "python3", **dict(pairs)}} if pairs else {}
