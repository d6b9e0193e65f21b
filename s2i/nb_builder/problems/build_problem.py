"""A failure that a build can explain: a code and three sentences (what, why, fix)."""

from pathlib import Path
from typing import TypedDict

from nb_scorer.common.problem import Problem

from nb_builder.common import visible
from nb_builder.common.cell import Cell
from nb_builder.common.own_command import own_command


def as_object(problem: Problem) -> dict[str, object]:
    """Return a problem as a JSON object, documented in docs/reference/check.md."""
    facts = getattr(problem, "facts", {})
    cell, line, notebook = (getattr(problem, name, None) for name in ("cell", "line", "notebook"))
    return {
        **problem.as_json(),
        "notebook": str(notebook) if notebook else None,
        "cell": cell.number if cell else None,
        "position": cell.position if cell else None,
        "line": line,
        "file_line": cell.first_line + line - 1 if cell and line and cell.first_line else facts.get("line"),
    }


class BuildProblem(Problem):
    """A failure of a build; `detail`, such as a traceback or a tool's output, is printed before it in the log.

    The sentences contain facts as placeholders in braces, and `{nb_builder}` for the name of the command.
    """

    what_text = why_text = fix_text = ""

    def __init__(self, *, detail: str = "", **facts: object) -> None:
        self.facts = facts
        self.detail = detail
        # The author's cell that caused it, and the line in it, if known.
        self.notebook = facts.get("notebook")
        self.cell: Cell | None = None
        self.line: int | None = None
        sentences = (self.what_text, self.why_text, self.fix_text)
        shown = {"nb_builder": own_command()} | {name: _shown(fact) for name, fact in facts.items()}
        super().__init__(*(sentence.format(**shown) for sentence in sentences))

    def at(self, notebook: object, cell: Cell, line: int) -> "BuildProblem":
        """Set the position that the problem is about, and return the problem."""
        self.notebook, self.cell, self.line = notebook, cell, line
        return self

    def about(self, predictor: str) -> "BuildProblem":
        """Add the name of the predictor that the problem is about, if there are several, and return the problem."""
        self.what = f"{self.what.rstrip('.')} (predictor is {predictor} here)."
        return self

    @property
    def place(self) -> str:
        """Return the cell and line that caused the problem, as text, or ""."""
        return self.cell.where(str(self.notebook), self.line) if self.cell else ""

    def __str__(self) -> str:
        """Return the text for users; the position is added if the sentences don't name it."""
        named = not self.place or self.place in self.what
        at = "" if named else f"\n  At: {self.place}"
        return self.in_lines(f"  More: {own_command()} explain {self.code}") + at


def _shown(fact: object) -> object:
    """Return a fact as text for a sentence: paths become one line, and no line looks like a line of the log."""
    if isinstance(fact, Path):
        return visible.line(fact)
    return fact.replace("\n", "\n    ") if isinstance(fact, str) else fact


class _Where(TypedDict):
    cell: Cell
    notebook: str


class Place(_Where, total=False):
    """Arguments of a CellProblem that name the position; `traceback` and `error` are Python's, if known."""

    line: int | None
    traceback: str
    error: str


class CellProblem(BuildProblem):
    """A failure in one cell: `{where}` names the cell as Jupyter shows it, and its position in the file."""

    cell: Cell
    notebook: str

    def __init__(
        self, *, cell: Cell, notebook: str, line: int | None = None, traceback: str = "", **facts: object
    ) -> None:
        super().__init__(detail=traceback, where=cell.where(notebook, line), notebook=notebook, **facts)
        self.cell, self.notebook, self.line = cell, notebook, line

    @property
    def context(self) -> Place:
        """Return cell, notebook, line and traceback, for a problem that explains the same failure better."""
        return {"cell": self.cell, "notebook": self.notebook, "line": self.line, "traceback": self.detail}
