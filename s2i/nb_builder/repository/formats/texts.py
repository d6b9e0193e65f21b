"""Reads notebooks that jupytext writes: Markdown, MyST, R Markdown, Quarto and light scripts.

Percent scripts have their own reader: docs/explanation/decisions/0009.
"""

import re
from collections.abc import Sequence

from nbformat import NotebookNode

from nb_builder.repository.formats.percent import revived
from nb_builder.rewrite.number_cells import BEGINS

_HEADER = re.compile(r"\ufeff?---\n(.*?\n)(?:---|\.\.\.)[ \t]*(?:\n|$)", re.DOTALL)
_OF_A_NOTEBOOK = re.compile(r"^(jupyter|jupytext|kernelspec)\s*:", re.MULTILINE)
_JUPYTER = re.compile(r"^jupyter\s*:", re.MULTILINE)
_MYST = re.compile(r"^(```+|~~~+|:::+)\s*\{code-cell\}", re.MULTILINE)
_LIGHT = re.compile(r"^#\s+format_name: light\s*$", re.MULTILINE)
_CHUNK = re.compile(r"^```+\s*\{python\b", re.MULTILINE)
_R = re.compile(r"%%R\b")

# Formats that jupytext reads itself.
_PARSED = ("markdown", "myst", "rmarkdown", "light")

MARKDOWN = (".md", ".markdown")
CHUNKS = (".Rmd", ".rmd", ".qmd")


def is_markdown(text: str) -> bool:
    """Return whether a Markdown file's header marks it as a notebook."""
    header = _HEADER.match(text)
    return header is not None and _OF_A_NOTEBOOK.search(header[1]) is not None


def is_light(text: str) -> bool:
    """Return whether a script's header marks it as jupytext's light format."""
    return _LIGHT.search(text.partition("\nimport ")[0]) is not None


def has_python(text: str) -> bool:
    """Return whether an R Markdown or Quarto document has a chunk of Python."""
    return _CHUNK.search(text) is not None


def markdown(text: str) -> NotebookNode:
    """Return the notebook in a Markdown file, of jupytext's format or MyST; raise ValueError."""
    header = _HEADER.match(text)
    # jupytext's own Markdown has everything below `jupyter:`, MyST at the top level.
    of_myst = _MYST.search(text) or (header and is_markdown(text) and not _JUPYTER.search(header[1]))
    return _read(text, ".md", "myst" if of_myst else "markdown")


def light(text: str) -> NotebookNode:
    """Return the notebook in a light script."""
    return _read(text, ".py", "light")


def chunks(text: str) -> NotebookNode:
    """Return the notebook in an R Markdown or Quarto document; R chunks become raw cells, which don't run."""
    node = _read(text, ".Rmd", "rmarkdown")
    for cell in node.cells:
        if cell.cell_type == "code" and _R.match(cell.source):
            cell.cell_type = "raw"
            cell.pop("outputs", None)
            cell.pop("execution_count", None)
    return node


def _read(text: str, extension: str, name: str) -> NotebookNode:
    # Imported here because it takes half a second, and most repositories have no such notebook.
    import jupytext
    import yaml
    from jupytext.formats import read_format_from_metadata

    plain = text.removeprefix("\ufeff")
    try:
        # A header would override the format given here, and jupytext starts a program for some formats.
        named = read_format_from_metadata(plain, extension)
        if named not in (None, *_PARSED):
            raise ValueError(f"its header names the format {named!r}, which needs another program")
        # With comment_magics, jupytext would turn comments such as "# copy the data" into commands.
        node = jupytext.reads(plain, fmt={"extension": extension, "format_name": name, "comment_magics": False})
    except yaml.YAMLError as error:
        raise ValueError(f"its header is not YAML ({' '.join(str(error).split())[:200]})") from None
    node.metadata.pop("jupytext", None)
    node.nbformat_minor = 4
    lines = plain.splitlines()
    last_index = 0
    for cell in node.cells:
        cell.pop("id", None)
        metadata = {"tags": list(cell.metadata["tags"])} if cell.metadata.get("tags") else {}
        cell.metadata = type(cell.metadata)(metadata)
        if cell.cell_type == "code":
            begins = _line_of(cell.source, lines, last_index)
            if begins is not None:
                cell.metadata["nb_builder"] = {BEGINS: begins + 1}
                last_index = begins
            cell.source = revived(cell.source.splitlines())
    return node


def _line_of(source: str, lines: Sequence[str], start: int) -> int | None:
    """Return the index of the first line of `source`, from `start` on; None if it isn't there verbatim."""
    source_lines = [line.rstrip() for line in source.splitlines()]
    # jupytext adds a first line such as `%%bash` for a fence with another language.
    body = source_lines[1:] if source_lines and source_lines[0].startswith("%%") else source_lines
    for index in range(start, len(lines) - len(body) + 1):
        if [line.rstrip() for line in lines[index : index + len(body)]] == body:
            return index - (len(source_lines) - len(body))
    return None
