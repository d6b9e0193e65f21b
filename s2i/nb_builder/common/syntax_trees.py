"""Syntax trees of cells and modules, if this Python can parse them."""

import ast

# Generated code, such as long sums or chains of calls, may be nested too deeply for recursive functions.
MAX_DEPTH = 1500
# The recursion limit for trees of that depth: recursive functions use up to three calls per level.
RECURSION_LIMIT = 5000


def tree(source: str) -> ast.Module | None:
    """Return the tree of plain Python; None if this Python can't parse it, although the model Python may."""
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    # Each level needs at least one character.
    return module if len(source) < MAX_DEPTH or _is_flat(module) else None


def statements(source: str) -> list[ast.stmt]:
    """Return the statements of plain Python; an empty list if this Python can't parse it."""
    module = tree(source)
    return module.body if module else []


def until(source: str, line: int | None) -> list[str]:
    """Return the code of each statement that starts on or before `line`; of all statements if `line` is None."""
    return [ast.unparse(statement) for statement in statements(source) if line is None or statement.lineno <= line]


def _is_flat(module: ast.Module) -> bool:
    """Return whether the tree is at most MAX_DEPTH levels deep."""
    level: list[ast.AST] = [module]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return True
    return False
