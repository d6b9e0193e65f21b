"""A cell of script two, as `rewrite` creates it, `execute` runs it and problems name it."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from nb_builder.common import syntax_trees


@dataclass(frozen=True)
class Cell:
    """A piece of script two with its position in the author's notebook.

    `source` is sent to the kernel unchanged. `number` is the N of In [N] when every code cell is run from the top,
    `position` the position among all cells, including Markdown; both start at 1 and are None for cells that we add
    ourselves. `first_line` is the line of a script where `source` starts.
    """

    source: str
    number: int | None = None
    position: int | None = None
    tags: tuple[str, ...] = field(default=())
    title: str = ""
    first_line: int | None = None

    @cached_property
    def statements(self) -> Sequence[ast.stmt] | None:
        """Its statements, which must not be modified; None if this Python can't parse them, as the model's may."""
        module = syntax_trees.tree(self.source)
        return module.body if module else None

    @property
    def ours(self) -> bool:
        """Whether nb-builder has added this cell."""
        return self.number is None

    def where(self, notebook: str, line: int | None = None) -> str:
        """Return the cell's name in messages, such as "Cell [3] of model.ipynb (cell 5 of the file)"."""
        if self.ours:
            return (
                f"nb-builder's own cell at the end of {notebook} (it calls predictor with the golden rows and saves it)"
            )
        name = f"Cell [{self.number}] of {notebook} (cell {self.position} of the file)"
        if line is None:
            return name
        # For a script, an editor shows the lines of the file and no cell numbers.
        of_file = "" if self.first_line is None else f" (line {self.first_line + line - 1} of the file)"
        return f"{name}, line {line}{of_file}"
