"""Finds files of a platform that a notebook certainly reads."""

import ast
import os
import re
from collections.abc import Iterator, Sequence

from nb_builder.common.cell import Cell
from nb_builder.platforms.catalog import PLATFORMS, Platform
from nb_builder.platforms.uses import PLAIN

_READERS = re.compile(r"(open|imread|load\w*|read\w*|from_file)$")


def read(cells: Sequence[Cell]) -> Iterator[tuple[Cell, Platform, str, int]]:
    """Yield (cell, platform, path, line) for each platform-specific file that a cell reads and that does not exist."""
    sources = "\n".join(cell.source for cell in cells)
    for cell in cells:
        unconditional = [
            statement
            for statement in cell.statements or ()
            if isinstance(statement, PLAIN) and "raises-exception" not in cell.tags
        ]
        for call in (node for statement in unconditional for node in _calls(statement)):
            for path in (argument.value for argument in call.args[:1] if isinstance(argument, ast.Constant)):
                if not isinstance(path, str):
                    continue
                platform = next((platform for platform in PLATFORMS if path.startswith(platform.roots)), None)
                if platform and not os.path.exists(path) and not _writes(call) and not _is_made(path, sources):
                    yield cell, platform, path, call.lineno


def _calls(statement: ast.stmt) -> Iterator[ast.Call]:
    nodes: list[ast.AST] = [statement]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Call) and _READERS.search(ast.unparse(node.func)):
            yield node
        if not isinstance(node, (ast.Lambda, ast.IfExp, ast.BoolOp)):
            nodes += ast.iter_child_nodes(node)


def _writes(call: ast.Call) -> bool:
    """Return whether a call may write its file: an `open` with a mode."""
    return ast.unparse(call.func).endswith("open") and len(call.args) + len(call.keywords) > 1


def _is_made(path: str, sources: str) -> bool:
    """Return whether the notebook may create the file itself.

    It may if a shell command mentions its top folder, or if the path occurs outside calls that read it.
    """
    top = path.split("/")[1]
    commands = re.findall(r"^.*get_ipython\(\)\.(?:system|getoutput|run_cell_magic)\(.*$", sources, re.MULTILINE)
    readers = len(re.findall(rf"{_READERS.pattern.rstrip('$')}\(\s*r?['\"]{re.escape(path)}['\"]", sources))
    return any(f"/{top}" in command for command in commands) or sources.count(path) > readers
