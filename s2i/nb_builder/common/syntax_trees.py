"""The syntax trees of cells and modules, as far as this Python can parse them."""

import ast

# Generated code can be nested deeper (long sums, chains of calls) than recursive functions can walk a tree.
MAX_DEPTH = 1500
# What these functions need for a tree of that depth: up to three calls a level.
RECURSION_LIMIT = 5000


def tree(source: str) -> ast.Module | None:
    """Return the tree of plain Python; None where this Python can't parse it, although the model Python may."""
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    # No level takes less than a character.
    return module if len(source) < MAX_DEPTH or _is_flat(module) else None


def statements(source: str) -> list[ast.stmt]:
    """Return the statements of plain Python; an empty list where this Python can't parse it."""
    module = tree(source)
    return module.body if module else []


def until(source: str, line: int | None) -> list[str]:
    """Return the code of each statement that begins on `line` or above it; of all statements if `line` is None."""
    return [ast.unparse(statement) for statement in statements(source) if line is None or statement.lineno <= line]


def _is_flat(module: ast.Module) -> bool:
    """Return whether the tree is at most MAX_DEPTH levels deep."""
    level: list[ast.AST] = [module]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return True
    return False
