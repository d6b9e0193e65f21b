"""Which files of a world a notebook surely reads."""

import ast
import os
import re
from collections.abc import Iterator, Sequence

from nb_builder.common import syntax_trees
from nb_builder.common.cell import Cell
from nb_builder.platforms.catalog import NONE, WORLDS, World
from nb_builder.platforms.uses import PLAIN

_READERS = re.compile(r"(open|imread|load\w*|read\w*|from_file)$")


def read(cells: Sequence[Cell]) -> Iterator[tuple[Cell, World, str, int]]:
    """Yield (cell, world, path, line) for each file of a world that a cell surely reads and that is not here."""
    everything = "\n".join(cell.source for cell in cells)
    for cell in cells:
        plain = [
            one
            for one in syntax_trees.statements(cell.source)
            if isinstance(one, PLAIN) and "raises-exception" not in cell.tags
        ]
        for call in (node for statement in plain for node in _calls(statement)):
            for path in (argument.value for argument in call.args[:1] if isinstance(argument, ast.Constant)):
                if not isinstance(path, str):
                    continue
                world = next((world for world in WORLDS if path.startswith(world.places or NONE)), None)
                if world and not os.path.exists(path) and not _writes(call) and not _is_made(path, everything):
                    yield cell, world, path, call.lineno


def _calls(statement: ast.stmt) -> Iterator[ast.Call]:
    nodes: list[ast.AST] = [statement]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Call) and _READERS.search(ast.unparse(node.func)):
            yield node
        if not isinstance(node, (ast.Lambda, ast.IfExp, ast.BoolOp)):
            nodes += ast.iter_child_nodes(node)


def _writes(call: ast.Call) -> bool:
    """Tell whether a call may write its file: an `open` with a mode."""
    return ast.unparse(call.func).endswith("open") and len(call.args) + len(call.keywords) > 1


def _is_made(path: str, everything: str) -> bool:
    """Tell whether the notebook may make the file itself: by a command, or by more than its readers."""
    top = path.split("/")[1]
    commands = re.findall(r"^.*get_ipython\(\)\.(?:system|getoutput|run_cell_magic)\(.*$", everything, re.MULTILINE)
    readers = len(re.findall(rf"{_READERS.pattern.rstrip('$')}\(\s*r?['\"]{re.escape(path)}['\"]", everything))
    return any(f"/{top}" in command for command in commands) or everything.count(path) > readers
