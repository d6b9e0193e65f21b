"""Where statements lead: out of their body, or behind it."""

import ast

LEAVES = (ast.Return, ast.Break, ast.Continue)
_SCOPES = (ast.FunctionDef, ast.Lambda, ast.ClassDef)
# What `end` returns where the C itself has returned: there is no value.
ENDED = object()


def contains(statements, kinds):
    """Return whether one of these kinds stands in statements, not in functions within."""
    left = list(statements)
    while left:
        node = left.pop()
        if isinstance(node, kinds):
            return True
        if not isinstance(node, _SCOPES):
            left += ast.iter_child_nodes(node)
    return False


def always_ends(statements):
    """Return whether statements never go on to what stands behind them in their function."""
    if not statements:
        return False
    last = statements[-1]
    if isinstance(last, (ast.Return, ast.Raise)):
        return True
    return isinstance(last, ast.If) and always_ends(last.body) and always_ends(last.orelse)


class Goes(ast.Return):
    """Stands behind a body that goes on."""

    value = None
    lineno = None
    _fields = ()
