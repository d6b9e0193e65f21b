"""Reads, from their source, which requirements a notebook's own cells install with pip."""

import ast
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement

from nb_builder.common import syntax_trees
from nb_builder.common.cell import Cell
from nb_builder.preflight import undeclared_imports

_INSTALL = re.compile(r"\bpip[\d.]*\s+install\b(?P<words>[^;&|\n]*)")
# Options with a value that is not a requirement. Those of files, folders and addresses are left out: the command
# doesn't name what they install.
_WITH_VALUE = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--trusted-host", "--progress-bar")


@dataclass(frozen=True)
class Installs:
    """The requirements passed to pip in cells; `complete` is false if they may also install something else."""

    requirements: tuple[Requirement, ...] = ()
    complete: bool = True


def find_installs(cells: Sequence[Cell]) -> Installs:
    """Return what the cells, as plain Python, install with pip."""
    requirements: list[Requirement] = []
    complete = True
    for cell in cells:
        if not undeclared_imports.installs([cell]):
            continue
        given = [_requirements(match["words"]) for text in _texts(cell.source) for match in _INSTALL.finditer(text)]
        complete = complete and bool(given) and None not in given and not undeclared_imports.installs_otherwise(cell)
        requirements += [requirement for listed in given for requirement in listed or ()]
    return Installs(tuple(requirements), complete)


def _texts(source: str) -> Iterator[str]:
    """Yield the commands in a cell: the strings of each call, and of each list, joined."""
    for node in ast.walk(syntax_trees.tree(source) or ast.Module([], [])):
        if isinstance(node, ast.Call):
            yield _joined(node.args)
        elif isinstance(node, (ast.List, ast.Tuple)):
            yield _joined(node.elts)


def _joined(nodes: Sequence[ast.expr]) -> str:
    # Computed parts become a shell variable here.
    parts = [node.value if isinstance(node, ast.Constant) else "$" for node in nodes]
    return " ".join(part for part in parts if isinstance(part, str))


def _requirements(command_line: str) -> list[Requirement] | None:
    """Return the requirements among the arguments of `pip install`; None if one of them is anything else."""
    requirements = []
    try:
        waiting = shlex.split(command_line, comments=True)
    except ValueError:
        return None
    while waiting:
        argument = waiting.pop(0)
        if re.match(r"\d?>", argument):
            break
        if argument in _WITH_VALUE:
            waiting[:1] = []
        elif argument.startswith("-") and argument not in ("-r", "--requirement", "-e", "--editable"):
            continue
        else:
            try:
                requirements.append(Requirement(argument))
            except InvalidRequirement:
                return None
    return requirements
