"""Finds names in predictor and validator that only Jupyter defines: get_ipython(), display, and IPython's modules."""

import ast
from collections.abc import Sequence
from pathlib import Path

from nb_builder.analysis.undefined_names import Use, Uses
from nb_builder.common.cell import Cell
from nb_builder.problems.contract import OnlyInJupyter
from nb_builder.rewrite.names import binders

_SHELL = "get_ipython"
_DISPLAY = "display"


def findings(cells: Sequence[Cell], notebook: Path) -> tuple[list[OnlyInJupyter], list[str]]:
    """Return (problems, notes) about names that only Jupyter defines.

    A function that contains get_ipython can't be saved at all. A call of `display` fails; if only some calls of
    predictor reach one, that is a note.
    """
    uses = Uses(cells)
    if uses.opaque:
        return [], []
    found = [use for use in uses.all() if use.name in (_SHELL, _DISPLAY) and use.name not in uses.defined]
    certain = [use for use in found if use.sure or use.name == _SHELL]
    notes = [
        f"{use.function} uses '{use.name}' ({use.cell.where(str(notebook), use.line)}), which only Jupyter provides: "
        "it fails when that line runs."
        for use in found
        if use not in certain
    ]
    return [problem(use, notebook) for use in certain], notes


def problem(use: Use, notebook: Path, instead: str = "") -> OnlyInJupyter:
    """Return the problem of using a name; `instead` describes an alternative."""
    reported = OnlyInJupyter(function=use.function, name=use.name, instead=instead, notebook=notebook)
    reported.at(notebook, use.cell, use.line)
    return reported


def imported(cells: Sequence[Cell]) -> list[Use]:
    """Return the uses of names that a cell imports from IPython: a saved function with such a name needs IPython."""
    uses = Uses(cells)
    return [] if uses.opaque else [use for use in uses.all() if _is_of_ipython(use.name, uses)]


def _is_of_ipython(name: str, uses: Uses) -> bool:
    """Return whether the last statement that binds `name` imports it from IPython."""
    last = uses.last_binding(name)
    return last is not None and any(_imports_ipython(node, name) for node in binders(name, last.statement))


def _imports_ipython(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] == "IPython"
    aliases = node.names if isinstance(node, ast.Import) else []
    modules = [alias.name for alias in aliases if name in (alias.asname, alias.name.partition(".")[0])]
    return any(module.partition(".")[0] == "IPython" for module in modules)
