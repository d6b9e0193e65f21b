"""The source of a function as a syntax tree, with its location."""

import ast
import inspect
import textwrap
from typing import Any


class SourceUnreadable(Exception):
    """A function's source is unavailable, or is not a definition by itself."""


def tree_of(function):
    """Return the definition of a plain function as a syntax tree, with its file's line numbers."""
    try:
        source = textwrap.dedent(inspect.getsource(function))
        tree = ast.parse(source)
    # A lambda inside a statement may be truncated anywhere, and the source file may no longer exist.
    except (OSError, TypeError, SyntaxError, IndentationError):
        raise SourceUnreadable
    if function.__name__ == "<lambda>":
        lambdas = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
        if len(lambdas) != 1:
            raise SourceUnreadable
        node: Any = lambdas[0]
    else:
        node = tree.body[0]
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or node.name != function.__name__:
            raise SourceUnreadable
    first = inspect.getsourcelines(function)[1]
    ast.increment_lineno(tree, max(0, first - 1))
    owner = function.__qualname__.split(".")[-2:-1]
    return _Mangler(owner[0]).visit(node) if owner and owner[0].isidentifier() else node


class _Mangler(ast.NodeTransformer):
    """Mangles private names as Python does within the class in which they were written."""

    def __init__(self, owner):
        self._prefix = "_" + owner.lstrip("_")

    def _mangled(self, name):
        return self._prefix + name if name.startswith("__") and not name.endswith("__") and "." not in name else name

    def visit_Attribute(self, node):
        """Mangle an attribute."""
        node.attr = self._mangled(node.attr)
        return self.generic_visit(node)

    def visit_arg(self, node):
        """Mangle a parameter; keywords of calls are not mangled."""
        node.arg = self._mangled(node.arg)
        return self.generic_visit(node)

    def visit_Name(self, node):
        """Mangle a name."""
        node.id = self._mangled(node.id)
        return node


def place_of(function, node):
    """Return (file, line) of a node of a function, as tracebacks show them."""
    return function.__code__.co_filename, getattr(node, "lineno", None)


def is_generator(function):
    """Return whether a function is already a generator."""
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def names_declared(tree):
    """Return the names that a function itself declares as global or nonlocal, without those of nested functions."""
    scopes = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
    names: set = set()
    left = list(ast.iter_child_nodes(tree))
    while left:
        node = left.pop()
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            names.update(node.names)
        if not isinstance(node, scopes):
            left += ast.iter_child_nodes(node)
    return names
