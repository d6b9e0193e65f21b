"""A failure that a build can explain: a code and three sentences (what, why, fix)."""

from typing import TypedDict

from nb_scorer.common.problem import Problem

from nb_builder.common.cell import Cell


class BuildProblem(Problem):
    """A failure of a build; `detail` is what goes before it in the log (a traceback, a tool's words)."""

    what_words = why_words = fix_words = ""

    def __init__(self, *, detail: str = "", **facts: object) -> None:
        self.facts = facts
        self.detail = detail
        # The author's cell that it is about, and the line in it, as far as that is known.
        self.notebook = facts.get("notebook")
        self.cell: Cell | None = None
        self.line: int | None = None
        words = (self.what_words, self.why_words, self.fix_words)
        super().__init__(*(text.format(**facts) for text in words))

    def at(self, notebook: object, cell: Cell, line: int) -> "BuildProblem":
        """Keep the place that it is about, for those who ask, and return the problem itself."""
        self.notebook, self.cell, self.line = notebook, cell, line
        return self

    @property
    def place(self) -> str:
        """Return the words for the cell and line that it is about; "" where that is not known."""
        return self.cell.where(str(self.notebook), self.line) if self.cell else ""

    def __str__(self) -> str:
        """Return the text that a user sees, with the place where the words do not say it."""
        told = not self.place or self.place in self.what
        return super().__str__() + ("" if told else f"\n  At: {self.place}")


class _Where(TypedDict):
    cell: Cell
    notebook: str


class Place(_Where, total=False):
    """What a problem of a cell is given to name its cell, and the words of the error, as far as they are known."""

    line: int | None
    traceback: str
    error: str


class CellProblem(BuildProblem):
    """A failure in one cell: `{where}` names it as Jupyter shows it, and its place in the file."""

    cell: Cell
    notebook: str

    def __init__(
        self, *, cell: Cell, notebook: str, line: int | None = None, traceback: str = "", **facts: object
    ) -> None:
        super().__init__(detail=traceback, where=cell.where(notebook, line), notebook=notebook, **facts)
        self.cell, self.notebook, self.line = cell, notebook, line

    @property
    def context(self) -> Place:
        """Return cell, notebook, line and traceback, for a problem that tells of the same failure in other words."""
        return {"cell": self.cell, "notebook": self.notebook, "line": self.line, "traceback": self.detail}
