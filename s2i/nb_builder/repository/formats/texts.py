"""Notebooks that jupytext writes as Markdown, MyST, R Markdown, Quarto or a light script, as notebooks of Jupyter.

Percent scripts are not among them: docs/explanation/decisions/0009.
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

MARKDOWN = (".md", ".markdown")
CHUNKS = (".Rmd", ".rmd", ".qmd")


def is_markdown(text: str) -> bool:
    """Tell whether a Markdown file says in its header that it is a notebook."""
    header = _HEADER.match(text)
    return header is not None and _OF_A_NOTEBOOK.search(header[1]) is not None


def is_light(text: str) -> bool:
    """Tell whether a script says in its header that jupytext wrote it in its light format."""
    return _LIGHT.search(text.partition("\nimport ")[0]) is not None


def has_python(text: str) -> bool:
    """Tell whether an R Markdown or Quarto document has a chunk of Python."""
    return _CHUNK.search(text) is not None


def markdown(text: str) -> NotebookNode:
    """Return the notebook that a Markdown file stands for, in jupytext's form or MyST's; raises ValueError."""
    header = _HEADER.match(text)
    # jupytext's own Markdown has everything below `jupyter:`, MyST has it at the top.
    of_myst = _MYST.search(text) or (header and is_markdown(text) and not _JUPYTER.search(header[1]))
    return _read(text, ".md", "myst" if of_myst else "markdown")


def light(text: str) -> NotebookNode:
    """Return the notebook that a light script stands for."""
    return _read(text, ".py", "light")


def chunks(text: str) -> NotebookNode:
    """Return the notebook that an R Markdown or Quarto document stands for; its chunks of R are not run."""
    node = _read(text, ".Rmd", "rmarkdown")
    for cell in node.cells:
        if cell.cell_type == "code" and _R.match(cell.source):
            cell.cell_type = "raw"
            cell.pop("outputs", None)
            cell.pop("execution_count", None)
    return node


def _read(text: str, extension: str, name: str) -> NotebookNode:
    # Half a second to import, and most repositories have none of these.
    import jupytext
    import yaml

    # It would take comments such as "# copy the data" for commands.
    plain = text.removeprefix("\ufeff")
    try:
        node = jupytext.reads(plain, fmt={"extension": extension, "format_name": name, "comment_magics": False})
    except yaml.YAMLError as wrong:
        raise ValueError(f"its header is no YAML ({' '.join(str(wrong).split())[:200]})") from None
    node.metadata.pop("jupytext", None)
    node.nbformat_minor = 4
    lines = plain.splitlines()
    reached = 0
    for cell in node.cells:
        cell.pop("id", None)
        metadata = {"tags": list(cell.metadata["tags"])} if cell.metadata.get("tags") else {}
        cell.metadata = type(cell.metadata)(metadata)
        if cell.cell_type == "code":
            begins = _line_of(cell.source, lines, reached)
            if begins is not None:
                cell.metadata["nb_builder"] = {BEGINS: begins + 1}
                reached = begins
            cell.source = revived(cell.source.splitlines())
    return node


def _line_of(source: str, lines: Sequence[str], since: int) -> int | None:
    """Return the index of the line from `since` on at which `source` stands; None where it does not stand as it is."""
    wanted = [line.rstrip() for line in source.splitlines()]
    # The first line of `%%bash` is jupytext's, for a fence that names the language.
    sought = wanted[1:] if wanted and wanted[0].startswith("%%") else wanted
    for index in range(since, len(lines) - len(sought) + 1):
        if [line.rstrip() for line in lines[index : index + len(sought)]] == sought:
            return index - (len(wanted) - len(sought))
    return None
