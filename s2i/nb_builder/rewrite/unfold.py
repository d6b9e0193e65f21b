"""Finds code and names that magics hide from the syntax tree: cells under %%time, and names that other magics bind."""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nb_builder.common import syntax_trees
from nb_builder.rewrite.magics import as_python

# These magics run the Python in them, in the notebook's own namespace.
_RUN_PYTHON = {"time", "capture", "prun"}
# These bind no names, except those given by an option.
_BIND_NOTHING = {
    *("alias", "alias_magic", "autoreload", "autosave", "cat", "cd", "clear", "colors", "conda", "config"),
    *("cp", "dirs", "doctest_mode", "env", "history", "killbgscripts", "lf", "ll", "load_ext", "logoff", "logon"),
    *("logstart", "ls", "lsmagic", "lx", "man", "mamba", "matplotlib", "micromamba", "mkdir", "more", "mv", "notebook"),
    *("page", "pdb", "pfile", "pinfo", "pip", "popd", "precision", "pushd", "psearch", "psource", "pwd", "pycat"),
    *("quickref", "reload_ext", "rm", "rmdir", "set_env", "timeit", "unload_ext", "uv", "who", "whos", "xmode"),
    *("HTML", "SVG", "bash", "file", "html", "javascript", "js", "latex", "markdown", "perl", "pypy", "python"),
    *("python2", "python3", "ruby", "script", "sh", "svg", "sx", "system", "writefile", "!"),
}
# Extensions that define only magics, no names.
_EXTENSIONS = {"autoreload", "memory_profiler", "line_profiler", "tensorboard", "watermark", "dotenv", "nb_black"}
_BOUND_BY_OPTION = re.compile(r"--(?:out|err|proc)[ =](\w+)")
_SHELL = ("system", "getoutput")


@dataclass(frozen=True)
class _Call:
    """A call `get_ipython().method(…)`; `magic` is a magic's name, line and, for a cell magic, body; None for a shell.

    `owner` is the name `get_ipython` in it.
    """

    node: ast.Call
    owner: ast.Name
    method: str
    magic: tuple[str, ...] | None


@dataclass(frozen=True)
class Unfolded:
    """Statements, including those inside magics; `opaque` if a magic may bind unknown names."""

    statements: list[ast.stmt]
    opaque: bool


def unfold(statements: Iterable[ast.stmt]) -> Unfolded:
    """Return all statements that `statements`, those of a cell from MagicsToPython, run."""
    unfolded: list[ast.stmt] = []
    opaque = False
    for statement in statements:
        unfolded.append(statement)
        harmless: set[int] = set()
        for call in _calls(statement):
            if call.magic is not None:
                inside = _of_magic(call.node, *call.magic)
                opaque = opaque or inside.opaque
                unfolded += inside.statements
            harmless.add(id(call.owner))
        names = (node for node in ast.walk(statement) if isinstance(node, ast.Name) and node.id == "get_ipython")
        opaque = opaque or any(id(node) not in harmless for node in names)
    return Unfolded(unfolded, opaque)


def lines_above_body(statements: Sequence[ast.stmt]) -> int:
    """Return the number of lines of a cell above the body of its cell magic, 0 without such a magic."""
    calls = [call for statement in statements for call in _calls(statement)]
    return next((call.node.lineno for call in calls if call.method == "run_cell_magic"), 0)


def _calls(statement: ast.stmt) -> Iterator[_Call]:
    """Yield each call of a magic or a shell command."""
    for node in ast.walk(statement):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        receiver = node.func.value
        if not (
            isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Name) and receiver.func.id == "get_ipython"
        ):
            continue
        texts = tuple(
            argument.value
            for argument in node.args
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        )
        if node.func.attr in _SHELL:
            yield _Call(node, receiver.func, node.func.attr, None)
        elif node.func.attr in ("run_line_magic", "run_cell_magic") and len(texts) >= 2:
            yield _Call(node, receiver.func, node.func.attr, texts[:3])


def _of_magic(call: ast.Call, name: str, line: str, body: str | None = None) -> Unfolded:
    names = _BOUND_BY_OPTION.findall(line)
    if name == "capture" and body is not None:
        names += [name for name in line.split() if name.isidentifier()]
    bindings = [_binding(bound, call) for bound in names]
    if name == "load_ext":
        return Unfolded(bindings, line.strip().split(".")[0] not in _EXTENSIONS)
    if name not in _RUN_PYTHON:
        return Unfolded(bindings, name not in _BIND_NOTHING)
    tree = syntax_trees.tree(as_python(line if body is None else body))
    if tree is None:
        return Unfolded(bindings, True)
    # A cell magic's body starts on the line below the magic, the code of a line magic on the same line.
    ast.increment_lineno(tree, call.lineno - (body is None))
    inside = unfold(tree.body)
    return Unfolded(bindings + inside.statements, inside.opaque)


def _binding(name: str, location: ast.AST) -> ast.stmt:
    target = ast.Name(id=name, ctx=ast.Store())
    assignment = ast.copy_location(ast.Assign(targets=[target], value=ast.Constant(None)), location)
    return ast.fix_missing_locations(assignment)
