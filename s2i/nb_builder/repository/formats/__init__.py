"""The forms beside .ipynb in which people keep notebooks: one reader a form, behind one door."""

from pathlib import Path

from nbformat import NotebookNode

from nb_builder.problems.repository import NotebookFormat
from nb_builder.repository.formats import databricks, marimo, percent, texts
from nb_builder.repository.formats.texts import CHUNKS, MARKDOWN, has_python

__all__ = ["CHUNKS", "MARKDOWN", "SUFFIXES", "has_python", "is_notebook", "parse"]

SUFFIXES = (".ipynb", ".py", *MARKDOWN, *CHUNKS)

# Files that people name as their notebook, what they are, and the shortest way to one that can be read.
_REFUSED = {
    ".dbc": ("an archive of Databricks", "Export the notebook there as 'IPython Notebook' or 'Source File'"),
    ".html": ("a web page", "Export the notebook as .ipynb (in Databricks: File, Export, IPython Notebook)"),
    ".scala": ("Scala", "Write the notebook's predictor in Python"),
    ".sql": ("SQL", "Write the notebook's predictor in Python"),
    ".r": ("an R script", "Write the notebook's predictor in Python"),
    ".jl": ("Julia", "Write the notebook's predictor in Python"),
    ".zpln": ("a note of Zeppelin", "Convert it to .ipynb and commit that"),
}


def is_notebook(path: Path, text: str) -> bool:
    """Tell whether a file that is no .ipynb is a notebook beyond doubt, predictor or not."""
    if path.suffix in MARKDOWN:
        return texts.is_markdown(text)
    if path.suffix in CHUNKS:
        return True
    return databricks.is_one(text) or marimo.is_one(text)


def parse(path: Path, text: str) -> NotebookNode:
    """Return the notebook that the `text` of a file stands for, by what it says of itself.

    Raises NotebookFormat for a form that is not read here, SyntaxError or ValueError where the text breaks its form.
    """
    if path.suffix in MARKDOWN:
        return texts.markdown(text)
    if path.suffix in CHUNKS:
        return texts.chunks(text)
    if path.suffix != ".py":
        way = "Commit it as .ipynb or as a Python script"
        kind, way = _REFUSED.get(path.suffix.lower(), (f"of a kind ({path.suffix or 'no ending'})", way))
        raise NotebookFormat(notebook=path, kind=kind, way=way)
    for form in (databricks, marimo):
        if form.is_one(text):
            return form.parse(text)
    return texts.light(text) if texts.is_light(text) else percent.parse(text)
