"""What magics hide from the syntax tree: the Python that %%time and %%capture run, and names that others may bind."""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nb_builder.common import syntax_trees
from nb_builder.rewrite.magics import as_python

# They run the Python that stands in them, in the notebook's own namespace.
_RUN_PYTHON = {"time", "capture", "prun"}
# They bind nothing that is not named by an option.
_BIND_NOTHING = {
    *("alias", "alias_magic", "autoreload", "autosave", "cat", "cd", "clear", "colors", "conda", "config"),
    *("cp", "dirs", "doctest_mode", "env", "history", "killbgscripts", "lf", "ll", "load_ext", "logoff", "logon"),
    *("logstart", "ls", "lsmagic", "lx", "man", "mamba", "matplotlib", "micromamba", "mkdir", "more", "mv", "notebook"),
    *("page", "pdb", "pfile", "pinfo", "pip", "popd", "precision", "pushd", "psearch", "psource", "pwd", "pycat"),
    *("quickref", "reload_ext", "rm", "rmdir", "set_env", "timeit", "unload_ext", "uv", "who", "whos", "xmode"),
    *("HTML", "SVG", "bash", "file", "html", "javascript", "js", "latex", "markdown", "perl", "pypy", "python"),
    *("python2", "python3", "ruby", "script", "sh", "svg", "sx", "system", "writefile", "!"),
}
# Extensions that give a notebook magics, and no names.
_EXTENSIONS = {"autoreload", "memory_profiler", "line_profiler", "tensorboard", "watermark", "dotenv", "nb_black"}
_BOUND_BY_OPTION = re.compile(r"--(?:out|err|proc)[ =](\w+)")
_SHELL = ("system", "getoutput")


@dataclass(frozen=True)
class _Call:
    """A call `get_ipython().method(…)`: of a magic with its texts (name, line and, of a cell, body), else a shell's."""

    node: ast.Call
    owner: ast.Name
    method: str
    magic: tuple[str, ...] | None


@dataclass(frozen=True)
class Unfolded:
    """Statements with those in magics among them; `opaque` if a magic may bind names that can't be known."""

    statements: list[ast.stmt]
    opaque: bool


def unfold(statements: Iterable[ast.stmt]) -> Unfolded:
    """Return what `statements`, a cell's as MagicsToPython writes them, run and bind."""
    found: list[ast.stmt] = []
    opaque = False
    for statement in statements:
        found.append(statement)
        harmless: set[int] = set()
        for call in _calls(statement):
            if call.magic is not None:
                more = _of_magic(call.node, *call.magic)
                opaque = opaque or more.opaque
                found += more.statements
            harmless.add(id(call.owner))
        names = (node for node in ast.walk(statement) if isinstance(node, ast.Name) and node.id == "get_ipython")
        opaque = opaque or any(id(node) not in harmless for node in names)
    return Unfolded(found, opaque)


def lines_above_body(statements: Sequence[ast.stmt]) -> int:
    """Return how many lines of a cell stand above the body that its cell magic runs, 0 without such a magic."""
    calls = [call for statement in statements for call in _calls(statement)]
    return next((call.node.lineno for call in calls if call.method == "run_cell_magic"), 0)


def _calls(statement: ast.stmt) -> Iterator[_Call]:
    """Yield each call of a magic or a shell command."""
    for node in ast.walk(statement):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner = node.func.value
        if not (isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name) and owner.func.id == "get_ipython"):
            continue
        texts = tuple(
            each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
        )
        if node.func.attr in _SHELL:
            yield _Call(node, owner.func, node.func.attr, None)
        elif node.func.attr in ("run_line_magic", "run_cell_magic") and len(texts) >= 2:
            yield _Call(node, owner.func, node.func.attr, texts[:3])


def _of_magic(call: ast.Call, name: str, line: str, body: str | None = None) -> Unfolded:
    binds = _BOUND_BY_OPTION.findall(line)
    if name == "capture" and body is not None:
        binds += [word for word in line.split() if word.isidentifier()]
    made = [_binding(each, call) for each in binds]
    if name == "load_ext":
        return Unfolded(made, line.strip().split(".")[0] not in _EXTENSIONS)
    if name not in _RUN_PYTHON:
        return Unfolded(made, name not in _BIND_NOTHING)
    tree = syntax_trees.tree(as_python(line if body is None else body))
    if tree is None:
        return Unfolded(made, True)
    # The body begins a line below the magic.
    ast.increment_lineno(tree, call.lineno - (body is None))
    inside = unfold(tree.body)
    return Unfolded(made + inside.statements, inside.opaque)


def _binding(name: str, near: ast.AST) -> ast.stmt:
    target = ast.Name(id=name, ctx=ast.Store())
    made = ast.copy_location(ast.Assign(targets=[target], value=ast.Constant(None)), near)
    return ast.fix_missing_locations(made)
