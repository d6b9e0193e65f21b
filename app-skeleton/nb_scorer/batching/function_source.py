"""The source of a function as a syntax tree, and where it stands."""

import ast
import inspect
import textwrap
from typing import Any


class SourceUnreadable(Exception):
    """The source of a function is not at hand, or not by itself a definition."""


def tree_of(function):
    """Return the definition of a plain function as a syntax tree, with the lines of its file."""
    try:
        source = textwrap.dedent(inspect.getsource(function))
        tree = ast.parse(source)
    # A lambda in the middle of a statement may be cut anywhere; source may be gone.
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
    """Spells private names as Python does within the class that they were written in."""

    def __init__(self, owner):
        self._prefix = "_" + owner.lstrip("_")

    def _mangled(self, name):
        return self._prefix + name if name.startswith("__") and not name.endswith("__") and "." not in name else name

    def visit_Attribute(self, node):
        """Spell an attribute."""
        node.attr = self._mangled(node.attr)
        return self.generic_visit(node)

    def visit_arg(self, node):
        """Spell a parameter; the keywords of a call are not spelled so."""
        node.arg = self._mangled(node.arg)
        return self.generic_visit(node)

    def visit_Name(self, node):
        """Spell a name."""
        node.id = self._mangled(node.id)
        return node


def place_of(function, node):
    """Return (file, line) of a node of a function, as tracebacks have them."""
    return function.__code__.co_filename, getattr(node, "lineno", None)


def is_generator(function):
    """Return whether a function yields already."""
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def names_declared(tree):
    """Return the names that a function itself declares as global or nonlocal, not those of functions within."""
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
