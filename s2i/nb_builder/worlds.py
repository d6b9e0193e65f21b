"""What only Colab, Kaggle or Databricks have: left out of a notebook where nothing depends on it, else refused early.

Only what a cell surely runs is judged, that is statements at its top level: under `if`, `try` or in a function the
author may have provided for other places.
"""

import ast
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from nb_builder.cells import Cell
from nb_builder.log import Log
from nb_builder.problems import ElsewhereOnly
from nb_builder.rewrite.magics import as_python
from nb_builder.rewrite.names import bound
from nb_builder.rewrite.scripts import author_cells

_COMMIT = "Commit the file, or download it in a cell from where anybody can, and read it by its relative path"
_ENVIRONMENT = "Read it from the environment, os.environ['NAME'], and set that in .s2i/environment or with -e"


@dataclass(frozen=True)
class World:
    """One place where notebooks are written.

    `modules` and `names` are there and nowhere else, files below `places` too. What begins with one of `spare` prepares
    that place and nothing more. `ways` are the ways out, by the first words of what is used.
    """

    name: str
    modules: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    magics: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()
    ways: tuple[tuple[str, str], ...] = ()


WORLDS = (
    World(
        "Google Colab",
        modules=("google.colab",),
        magics=("tensorflow_version",),
        places=("/content/",),
        spare=(
            "google.colab.drive.mount",
            "google.colab.drive.flush_and_unmount",
            "google.colab.files.download",
            "google.colab.files.view",
            "google.colab.output",
            "google.colab.data_table",
            "google.colab.auth.authenticate_user",
            "tensorflow_version",
            "load_ext google.colab",
        ),
        ways=(
            ("google.colab.files", "Commit the file instead of uploading it, and read it by its relative path"),
            ("google.colab.userdata", _ENVIRONMENT),
            ("/content/", _COMMIT),
        ),
    ),
    World(
        "Kaggle",
        modules=("kaggle_secrets", "kaggle_datasets", "kaggle_web_client"),
        places=("/kaggle/",),
        ways=(("kaggle_secrets", _ENVIRONMENT), ("/kaggle/", _COMMIT)),
    ),
    World(
        "Databricks",
        modules=("dbruntime", "databricks.sdk.runtime", "pyspark.dbutils"),
        names=("dbutils", "spark", "sc", "sqlContext", "displayHTML"),
        magics=("sql", "fs", "scala", "r", "restart_python"),
        places=("/dbfs/", "dbfs:/", "/Volumes/", "/Workspace/"),
        spare=(
            "dbutils.library.restartPython",
            "dbutils.widgets.text",
            "dbutils.widgets.dropdown",
            "dbutils.widgets.combobox",
            "dbutils.widgets.multiselect",
            "dbutils.widgets.remove",
            "displayHTML",
            "restart_python",
        ),
        ways=(
            ("dbutils.widgets", "Assign the value in a cell tagged 'parameters', which S2I_PARAMETERS can change"),
            ("dbutils.secrets", _ENVIRONMENT),
            ("dbutils", _COMMIT),
            ("scala", "Write the cell in Python"),
            ("r", "Write the cell in Python"),
            ("restart_python", "Remove the line"),
            ("/", _COMMIT),
            ("dbfs:", _COMMIT),
            ("", "Export the data to a file of the repository (a CSV or Parquet file), and read it with pandas"),
        ),
    ),
)

_OTHERWISE = "Replace it by what every Python has, or put it under an 'if' that only holds there"
_MAGIC = re.compile(r"get_ipython\(\)\.run_(?:line|cell)_magic\('(\w+)', '([^']*)'")
_READERS = re.compile(r"(open|imread|load\w*|read\w*|from_file)$")
_PLAIN = (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.With)


@dataclass(frozen=True)
class _Use:
    """One statement's use of something that only `world` has, such as google.colab.drive.mount."""

    world: World
    what: str
    statement: ast.stmt
    sure: bool

    @property
    def spare(self) -> bool:
        """Tell whether nothing is lost without the statement."""
        alone = isinstance(self.statement, (ast.Import, ast.ImportFrom, ast.Expr))
        imports = isinstance(self.statement, (ast.Import, ast.ImportFrom))
        return alone and self.sure and (imports or self.what.startswith(self.world.spare or "\0"))


def settled(node: NotebookNode, notebook: Path, log: Log) -> NotebookNode:
    """Return the notebook with what only prepares Colab or Databricks as comments; a note says where.

    Nothing is left out of a world that the notebook needs for anything else.
    """
    uses = _by_cell(author_cells(node))
    needed = {use.world.name for _, each in uses for use in each if not use.spare}
    numbers = {cell.position: cell for cell, _ in uses}
    spared = {cell.position: [use for use in each if use.world.name not in needed] for cell, each in uses}
    for position, cell in enumerate(node.cells, start=1):
        left = spared.get(position)
        if left and (source := _commented(cell.source, left)) is not None:
            cell.source = source
            where = numbers[position].where(str(notebook), left[0].statement.lineno)
            log.note(
                f"{where}: what only {left[0].world.name} has ({left[-1].what}) is left out; nothing else needs it."
            )
    return node


def findings(cells: Sequence[Cell], notebook: Path, repository: Path) -> Iterator[ElsewhereOnly]:
    """Yield what a notebook surely needs of a world, with cell and line: the first use, and each file."""
    for cell, uses in _by_cell(cells):
        for use in uses:
            if (use.sure and not isinstance(use.statement, (ast.Import, ast.ImportFrom))) or _alone(use, cells):
                yield _problem(use.world, use.what, repository, cell, notebook, use.statement.lineno)
    for cell, world, path, line in _files(cells):
        yield _problem(world, path, repository, cell, notebook, line)


def only_there(module: str) -> bool:
    """Tell whether a module is a world's own, so that no index has it."""
    return any((module + ".").startswith(own + ".") for world in WORLDS for own in world.modules)


def of_error(name: str, words: str, repository: Path, cell: Cell, notebook: str, line: int | None) -> Exception | None:
    """Return the problem of an error of the kernel that only a world would not have raised; else None."""
    quoted = re.search(r"'([^']+)'", words)
    if not quoted:
        return None
    what = quoted[1]
    for world in WORLDS:
        of_a_name = name == "NameError" and what in world.names
        of_a_module = name == "ModuleNotFoundError" and any((what + ".").startswith(f"{own}.") for own in world.modules)
        # Until Python has `google` it names that, whatever of it was asked for.
        of_a_module |= name == "ModuleNotFoundError" and what == "google" and "google.colab" in cell.source
        if of_a_name or of_a_module or (name == "FileNotFoundError" and what.startswith(world.places or "\0")):
            return _problem(world, world.modules[0] if of_a_module else what, repository, cell, notebook, line)
    return None


def _problem(
    world: World, what: str, repository: Path, cell: Cell, notebook: object, line: int | None
) -> ElsewhereOnly:
    way = next((way for first, way in world.ways if what.startswith(first)), _OTHERWISE)
    name = os.path.basename(what.rstrip("/")) if what.startswith(("/", "dbfs:")) else ""
    here = next((path.relative_to(repository) for path in sorted(repository.rglob(name))), None) if name else None
    if here is not None:
        way = f"Read {str(here)!r} instead, which the repository has"
    return ElsewhereOnly(cell=cell, notebook=str(notebook), line=line, thing=what, world=world.name, way=way)


def _by_cell(cells: Sequence[Cell]) -> list[tuple[Cell, list[_Use]]]:
    """Return the uses in each cell, in their order."""
    trees = [(cell, _tree(cell.source)) for cell in cells if "raises-exception" not in cell.tags]
    own = bound(statement for _, tree in trees for statement in tree)
    aliases = {
        name: (world, full) for _, tree in trees for statement in tree for name, world, full in _named(statement)
    }
    for world in WORLDS:
        aliases.update({name: (world, name) for name in world.names if name not in own})
    return [(cell, [use for statement in tree for use in _uses(statement, aliases)]) for cell, tree in trees]


def _named(statement: ast.stmt) -> Iterator[tuple[str, World, str]]:
    """Yield (name, world, full name) for what an import binds of a world."""
    if isinstance(statement, ast.Import):
        pairs = [(alias.asname or alias.name.split(".")[0], alias.name, alias.asname) for alias in statement.names]
        named = [(name, full, full if renamed else name) for name, full, renamed in pairs]
    elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
        full = [(alias.asname or alias.name, f"{statement.module}.{alias.name}") for alias in statement.names]
        named = [(name, whole, whole) for name, whole in full]
    else:
        return
    for name, full, meant in named:
        for world in WORLDS:
            if any((full + ".").startswith(f"{own}.") for own in world.modules):
                yield name, world, meant


def _uses(statement: ast.stmt, aliases: dict[str, tuple[World, str]]) -> Iterator[_Use]:
    for _, world, full in _named(statement):
        yield _Use(world, full, statement, sure=True)
    magic = _MAGIC.match(ast.unparse(statement)) if isinstance(statement, ast.Expr) else None
    for world in WORLDS if magic else ():
        words = f"{magic[1]} {magic[2]}"
        if magic[1] in world.magics or (words.startswith("load_ext") and words.startswith(world.spare or "\0")):
            yield _Use(world, words.strip() if magic[1] == "load_ext" else magic[1], statement, sure=True)
    for chain in _chains(statement):
        first, *others = chain.split(".")
        if first in aliases:
            world, full = aliases[first]
            what = ".".join([full, *others])
            # `google` alone is also that of google.cloud.
            if first in world.names or only_there(what):
                yield _Use(world, what, statement, sure=isinstance(statement, _PLAIN))


def _chains(node: ast.AST) -> Iterator[str]:
    """Yield the dotted names that `node` reads, the longest form of each."""
    if isinstance(node, ast.Attribute) and re.fullmatch(r"\w+(\.\w+)+", ast.unparse(node)):
        yield ast.unparse(node)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield node.id
    elif not isinstance(node, ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _chains(child)


def _alone(use: _Use, cells: Sequence[Cell]) -> bool:
    """Tell whether an import of a world still stands in the cells although no sure use of it is told."""
    others = [other for _, each in _by_cell(cells) for other in each if other.world is use.world]
    return use.sure and not any(other.sure and not other.spare for other in others)


def _commented(source: str, uses: Sequence[_Use]) -> str | None:
    """Return the source with the statements of `uses` as comments; None where one shares a line with another."""
    spans = {id(use.statement): (use.statement.lineno, use.statement.end_lineno) for use in uses}
    numbers = {number for first, last in spans.values() for number in range(first, last + 1)}
    for statement in _tree(as_python(source)):
        span = (statement.lineno, statement.end_lineno)
        shared = numbers & set(range(span[0], span[1] + 1))
        if shared and span not in spans.values():
            return None
    lines = source.split("\n")
    return "\n".join(f"# {line}" if number in numbers else line for number, line in enumerate(lines, start=1))


def _files(cells: Sequence[Cell]) -> Iterator[tuple[Cell, World, str, int]]:
    """Yield (cell, world, path, line) for each file of a world that a cell surely reads and that is not here."""
    for cell in cells:
        plain = [one for one in _tree(cell.source) if isinstance(one, _PLAIN) and "raises-exception" not in cell.tags]
        for call in (node for statement in plain for node in _calls(statement)):
            for path in (argument.value for argument in call.args[:1] if isinstance(argument, ast.Constant)):
                world = next((world for world in WORLDS if str(path).startswith(world.places or "\0")), None)
                if world and isinstance(path, str) and not os.path.exists(path) and not _writes(call):
                    yield cell, world, path, call.lineno


def _calls(statement: ast.stmt) -> Iterator[ast.Call]:
    nodes = [statement]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Call) and _READERS.search(ast.unparse(node.func)):
            yield node
        if not isinstance(node, (ast.Lambda, ast.IfExp, ast.BoolOp)):
            nodes += ast.iter_child_nodes(node)


def _writes(call: ast.Call) -> bool:
    """Tell whether a call may write its file: an `open` with a mode."""
    return ast.unparse(call.func).endswith("open") and len(call.args) + len(call.keywords) > 1


def _tree(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError):
        return []
