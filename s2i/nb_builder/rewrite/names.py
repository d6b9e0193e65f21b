"""Finds the names that code binds, changes and needs, from the syntax tree."""

import ast
from collections.abc import Iterable, Iterator

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def bound(nodes: Iterable[ast.AST]) -> set[str]:
    """Return the names that `nodes` bind at their own level: not those inside functions or classes."""
    names: set[str] = set()
    for node in nodes:
        names |= _bound_here(node)
        if isinstance(node, _COMPREHENSIONS):
            # A comprehension has its own scope; only `:=` binds outside it.
            names |= {inner.target.id for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr)}
        elif not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            names |= bound(ast.iter_child_nodes(node))
    return names


def binders(name: str, node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that bind `name` in the scope of `node`, which may be `node` itself."""
    if name in _bound_here(node):
        yield node
    if not isinstance(node, (*_FUNCTIONS, ast.ClassDef, *_COMPREHENSIONS)):
        for child in ast.iter_child_nodes(node):
            yield from binders(name, child)


def changed(statement: ast.stmt) -> set[str]:
    """Return the names whose values `statement` changes in place: `x += …`, `x[0] = …`, `x.append(…)`."""
    names = set()
    for node in _outside_functions(statement):
        if isinstance(node, ast.AugAssign):
            names.add(_root(node.target))
        elif isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, (ast.Store, ast.Del)):
            names.add(_root(node))
        elif (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Attribute)
        ):
            names.add(_root(node.value.func))
    return {name for name in names if name}


def needed(node: ast.AST) -> set[str]:
    """Return the names that `node` reads from outside itself, builtins included."""
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Load) else set()
    names: set[str] = set()
    for child in ast.iter_child_nodes(node):
        names |= needed(child)
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        names.add(node.target.id)
    return names - _local(node)


def _bound_here(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return {node.id}
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
        return {node.name}
    if isinstance(node, ast.MatchMapping) and node.rest:
        return {node.rest}
    return set()


def _local(node: ast.AST) -> set[str]:
    """Return the names that are local to `node`, which hide outer ones of the same name."""
    if isinstance(node, _COMPREHENSIONS):
        return bound(generator.target for generator in node.generators)
    if isinstance(node, _FUNCTIONS):
        arguments = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
        body = node.body if isinstance(node.body, list) else [node.body]
        declared = {name for part in ast.walk(node) if isinstance(part, ast.Global) for name in part.names}
        return arguments | (bound(body) - declared)
    return set()


def _outside_functions(node: ast.AST) -> Iterable[ast.AST]:
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _outside_functions(child)


def _root(node: ast.AST) -> str | None:
    """Return the first name of `a.b[0].c`, or None."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None
