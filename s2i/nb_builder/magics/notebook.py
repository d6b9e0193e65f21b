"""Finds the notebook that a kernel belongs to, if the front end reveals it, and reads the file's current content."""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from nb_builder.magics.problems import NotebookNotSaved, NotebookUnnamed

# The file in which Jupyter's server records for which notebook it started a kernel.
SESSION = "JPY_SESSION_NAME"
# The variable in the notebook's namespace in which VS Code records it.
VSCODE = "__vsc_ipynb_file__"
_IN_COLAB = (
    "Colab keeps the notebook in Google Drive, and a kernel does not see it there until the Drive is mounted: "
    "from google.colab import drive; drive.mount('/content/drive')"
)
_NOBODY_SAYS = (
    "JupyterLab, Jupyter Notebook 7 and VS Code pass the notebook's name to its kernel, but this front end did not."
)


class Cell(NamedTuple):
    """A cell of a notebook's file: its source, and its ID, which files older than nbformat 4.5 lack."""

    source: str
    id: str

    @property
    def first_line(self) -> str:
        """Return the first non-blank line, shortened if it is long."""
        line = next((line.strip() for line in self.source.splitlines() if line.strip()), "")
        return line if len(line) <= 60 else f"{line[:57]}..."


class Notebook(NamedTuple):
    """A notebook as saved; `linked` if the front end follows links to its cells, `ours` if it is the kernel's."""

    path: Path
    saved: float
    cells: tuple[Cell, ...]
    linked: bool
    ours: bool

    @property
    def version(self) -> str:
        """Return a description of the saved version."""
        return f"{self.path.name}, as it was saved {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(self.saved))}"

    def has(self, source: str) -> bool:
        """Return whether a cell with this source has been saved."""
        return any(cell.source.strip() == source.strip() for cell in self.cells)

    def cell(self, position: int | None, notebook: str | None) -> Cell | None:
        """Return the cell at a position in the file, from 1; None if it is in another notebook or doesn't exist."""
        known = position is not None and 0 < position <= len(self.cells)
        return self.cells[position - 1] if position and known and self.is_called(notebook) else None

    def is_called(self, notebook: str | None) -> bool:
        """Return whether a name, relative to the top of a repository, is this notebook's."""
        return bool(notebook) and self.path.as_posix().endswith(f"/{notebook}")

    def link(self, cell: Cell) -> str | None:
        """Return the address of a cell, to which JupyterLab scrolls, or None."""
        return f"{quote(self.path.name)}#cell-id={quote(cell.id)}" if self.linked and cell.id else None


def find(named: str, magic: str, names: Mapping[str, Any], environ: Mapping[str, str]) -> Notebook:
    """Return the notebook that is `named`, or the one that the kernel's names and variables reveal.

    Raises NotebookUnnamed or NotebookNotSaved.
    """
    reported, linked = _reported(names, environ)
    path = Path(named).expanduser() if named else reported
    if path is None:
        raise NotebookUnnamed(magic=magic, reason=_IN_COLAB if "google.colab" in sys.modules else _NOBODY_SAYS)
    path = path.absolute()
    if not path.is_file():
        raise NotebookNotSaved(path=path, magic=magic)
    ours = reported is not None and reported.is_file() and reported.samefile(path)
    return Notebook(path, path.stat().st_mtime, _cells(path), linked and ours, ours)


def _reported(names: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[Path | None, bool]:
    """Return the file that the front end reports, and whether it follows links to cells."""
    if names.get(VSCODE):
        return Path(names[VSCODE]), False
    # A Jupyter console has a session as well, but no file.
    session = environ.get(SESSION, "")
    return (Path(session), True) if Path(session).suffix else (None, False)


def _cells(path: Path) -> tuple[Cell, ...]:
    """Return the cells of an .ipynb; none for another file, or a damaged one, which `check` explains."""
    try:
        cells = json.loads(path.read_bytes())["cells"]
        return tuple(Cell("".join(cell.get("source", "")), str(cell.get("id", ""))) for cell in cells)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ()
