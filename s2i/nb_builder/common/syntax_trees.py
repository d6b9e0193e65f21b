"""The syntax trees of cells and modules, as far as this Python can read them."""

import ast

# Sums and chains that a program wrote can be nested deeper than those who walk through a tree can follow.
MOST_DEPTH = 1500
# What they need for a tree of that depth: up to three calls a level.
RECURSION_LIMIT = 5000


def tree(source: str) -> ast.Module | None:
    """Return the tree of plain Python; None where this Python can't read it, which the model Python may."""
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return module if _is_flat(module) else None


def statements(source: str) -> list[ast.stmt]:
    """Return the statements of plain Python; none where this Python can't read it."""
    module = tree(source)
    return module.body if module else []


def until(source: str, line: int | None) -> list[str]:
    """Return the text of each statement of `source` that begins in `line` or above; of all without a line."""
    return [ast.unparse(each) for each in statements(source) if line is None or each.lineno <= line]


def _is_flat(module: ast.Module) -> bool:
    """Return whether no node has more than MOST_DEPTH others above it."""
    level: list[ast.AST] = [module]
    for _ in range(MOST_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return True
    return False
