"""Notebook formats other than .ipynb: one reader per format, chosen by `parse`."""

from pathlib import Path

from nbformat import NotebookNode

from nb_builder.problems.notebooks import NotebookFormat
from nb_builder.repository.formats import databricks, marimo, percent, texts
from nb_builder.repository.formats.texts import CHUNKS, MARKDOWN, has_python

__all__ = ["CHUNKS", "MARKDOWN", "SUFFIXES", "has_python", "is_notebook", "parse"]

SUFFIXES = (".ipynb", ".py", *MARKDOWN, *CHUNKS)

# {suffix of an unsupported file that users choose as their notebook: (description, how to convert it)}
_REFUSED = {
    ".dbc": ("a Databricks archive", "Export the notebook there as 'IPython Notebook' or 'Source File'"),
    ".html": ("a web page", "Export the notebook as .ipynb (in Databricks: File, Export, IPython Notebook)"),
    ".scala": ("Scala", "Write the notebook's predictor in Python"),
    ".sql": ("SQL", "Write the notebook's predictor in Python"),
    ".r": ("an R script", "Write the notebook's predictor in Python"),
    ".jl": ("Julia", "Write the notebook's predictor in Python"),
    ".zpln": ("a Zeppelin note", "Convert it to .ipynb and commit that"),
}


def is_notebook(path: Path, text: str) -> bool:
    """Return whether a file other than an .ipynb is certainly a notebook, with or without predictor."""
    if path.suffix in MARKDOWN:
        return texts.is_markdown(text)
    if path.suffix in CHUNKS:
        return True
    return databricks.is_one(text) or marimo.is_one(text)


def parse(path: Path, text: str) -> NotebookNode:
    """Return the notebook in the `text` of a file; its format is recognised by suffix and content.

    Raises NotebookFormat for an unsupported format, SyntaxError or ValueError for invalid text.
    """
    if path.suffix in MARKDOWN:
        return texts.markdown(text)
    if path.suffix in CHUNKS:
        return texts.chunks(text)
    if path.suffix != ".py":
        way = "Commit it as .ipynb or as a Python script"
        kind, way = _REFUSED.get(path.suffix.lower(), (f"of a kind ({path.suffix or 'no ending'})", way))
        raise NotebookFormat(notebook=path, kind=kind, way=way)
    for format_module in (databricks, marimo):
        if format_module.is_one(text):
            return format_module.parse(text)
    return texts.light(text) if texts.is_light(text) else percent.parse(text)
