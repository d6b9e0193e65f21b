"""Control flow: whether statements leave their body or continue after it."""

import ast

LEAVES = (ast.Return, ast.Break, ast.Continue)
_SCOPES = (ast.FunctionDef, ast.Lambda, ast.ClassDef)
# Returned by `end` if the C code has already returned, so that there is no value.
ENDED = object()


def contains(statements, kinds):
    """Return whether statements contain nodes of these kinds, except in nested functions."""
    left = list(statements)
    while left:
        node = left.pop()
        if isinstance(node, kinds):
            return True
        if not isinstance(node, _SCOPES):
            left += ast.iter_child_nodes(node)
    return False


def always_ends(statements):
    """Return whether statements never continue with the code after them in their function."""
    if not statements:
        return False
    last = statements[-1]
    if isinstance(last, (ast.Return, ast.Raise)):
        return True
    return isinstance(last, ast.If) and always_ends(last.body) and always_ends(last.orelse)


class Goes(ast.Return):
    """Marks the end of a body that execution may reach."""

    value = None
    lineno = None
    _fields = ()
