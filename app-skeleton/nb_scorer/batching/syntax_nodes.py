"""Creates and reads syntax tree nodes of every Python since 3.6."""

import ast
from typing import Any

from nb_scorer.common import phrases

# A value that can't be determined from the code.
UNKNOWN = object()
MAX_TEXT = 80


def literal(node):
    """Return the value of a literal, or UNKNOWN."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return UNKNOWN


def index_of(node):
    """Return the index of a Subscript; before 3.9, it is wrapped in an Index."""
    return node.slice.value if type(node.slice).__name__ == "Index" else node.slice


def set_index(node, index):
    """Set the index of a Subscript."""
    if type(node.slice).__name__ == "Index":
        node.slice.value = index
    else:
        node.slice = index


def root_name(node):
    """Return the name at the start of a chain of attributes and indexes, or None."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def placed_at(node, made):
    """Return `made` with the location of `node`, also for its child nodes without one."""
    ast.copy_location(made, node)
    return ast.fix_missing_locations(made)


def constant(value):
    """Return the node of a plain value."""
    return ast.parse(repr(value), mode="eval").body


def load(name):
    """Return the node that reads `name`."""
    return ast.Name(id=name, ctx=ast.Load())


def call(name, args):
    """Return the node of a call of `name`, without keywords."""
    return ast.Call(func=load(name), args=args, keywords=[])


def dictionary(keywords):
    """Return the node of a dict with the keyword arguments of a call."""
    return ast.Dict(
        keys=[constant(keyword.arg) for keyword in keywords], values=[keyword.value for keyword in keywords]
    )


def parsed(text, node):
    """Return the single statement in `text`, located at `node`."""
    statement = ast.parse(text).body[0]
    for part in ast.walk(statement):
        if hasattr(part, "lineno"):
            ast.copy_location(part, node)
    return statement


def returning(expression):
    """Return a statement that returns `expression`, with the same location."""
    return ast.copy_location(ast.Return(value=expression), expression)


def definition(name, arguments, body):
    """Return a function's definition; a lambda, which has no name, is called `function`."""
    made: Any = ast.parse("def {}(): pass".format(name if name.isidentifier() else "function")).body[0]
    made.args, made.body = arguments, body
    return made


def without_values(arguments):
    """Return parameters without type hints, and with placeholder defaults: the function has the real ones."""
    arguments.defaults = [constant(None) for _ in arguments.defaults]
    arguments.kw_defaults = [None if default is None else constant(None) for default in arguments.kw_defaults]
    parameters = getattr(arguments, "posonlyargs", []) + arguments.args + arguments.kwonlyargs
    for parameter in [*parameters, arguments.vararg, arguments.kwarg]:
        if parameter is not None:
            parameter.annotation = None
    return arguments


def text_of(node):
    """Return a tree as text; None if it is more than a name or a call and Python, before 3.9, can't unparse it."""
    if hasattr(ast, "unparse"):
        return ast.unparse(node)
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, (ast.Attribute, ast.Call, ast.Subscript)):
        inner = text_of(node.func if isinstance(node, ast.Call) else node.value)
        if inner is not None:
            ends = {ast.Attribute: ".{}".format(getattr(node, "attr", "")), ast.Call: "(...)", ast.Subscript: "[...]"}
            return inner + ends[type(node)]
    return None


def short_text_of(node):
    """Return a tree as text that is short enough for a sentence."""
    return phrases.cut(text_of(node) or "this expression", MAX_TEXT)
