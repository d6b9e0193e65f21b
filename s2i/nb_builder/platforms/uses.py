"""Which statements of a notebook use what only a world has, by the syntax tree."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nb_builder.common import syntax_trees
from nb_builder.common.cell import Cell
from nb_builder.platforms.catalog import NONE, WORLDS, World, world_of
from nb_builder.repository.source_tree import has_module
from nb_builder.rewrite.magics import as_python
from nb_builder.rewrite.names import bound, needed

# Statements that are surely run; `tree` gives those of a cell.
PLAIN = (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.With)
_MAGIC = re.compile(r"get_ipython\(\)\.run_(?:line|cell)_magic\('(\w+)', '([^']*)'")


@dataclass(frozen=True)
class Use:
    """One statement's use of something that only `world` has, such as google.colab.drive.mount."""

    world: World
    what: str
    statement: ast.stmt
    sure: bool

    @property
    def imports(self) -> bool:
        """Tell whether it is an import."""
        return isinstance(self.statement, (ast.Import, ast.ImportFrom))

    @property
    def spare(self) -> bool:
        """Tell whether nothing is lost without the statement."""
        prepares = isinstance(self.statement, ast.Expr) and self.what.startswith(self.world.spare or NONE)
        return self.sure and (self.imports or prepares)


def by_cell(cells: Sequence[Cell], metadata: dict, repository: Path) -> list[tuple[Cell, list[Use]]]:
    """Return the uses in each cell, in their order, but of a world that the repository has a module of itself."""
    if any("google-colab" in cell.source for cell in cells):
        # There is a distribution of that name, and who asks for it knows what it does.
        return []
    trees = [(cell, syntax_trees.statements(cell.source)) for cell in cells if "raises-exception" not in cell.tags]
    own = bound(statement for _, body in trees for statement in body)
    named = [each for _, body in trees for statement in body for each in _named(statement)]
    aliases = {name: (world, full) for name, world, full in named}
    imported = {world.name: world for _, world, _ in named}.values()
    stood_in = {world.name for world in imported if any(has_module(repository, own) for own in world.modules)}
    here = [world for world in WORLDS if not world.mark or world.mark in metadata]
    for world in here:
        aliases.update({name: (world, name) for name in world.names if name not in own})
    found = [(cell, [use for statement in body for use in _uses(statement, aliases, here)]) for cell, body in trees]
    return [(cell, [use for use in each if use.world.name not in stood_in]) for cell, each in found]


def commented(source: str, uses: Sequence[Use]) -> str | None:
    """Return the source with the statements of `uses` as comments; None where one shares a line with another."""
    spans = {id(use.statement): _span(use.statement) for use in uses}
    numbers = {number for first, last in spans.values() for number in range(first, last + 1)}
    for statement in syntax_trees.statements(as_python(source)):
        span = _span(statement)
        shared = numbers & set(range(span[0], span[1] + 1))
        if shared and span not in spans.values():
            return None
    lines = source.split("\n")
    return "\n".join(f"# {line}" if number in numbers else line for number, line in enumerate(lines, start=1))


def _span(statement: ast.stmt) -> tuple[int, int]:
    return statement.lineno, statement.end_lineno or statement.lineno


def _named(statement: ast.stmt) -> Iterator[tuple[str, World, str]]:
    """Yield (name, world, full name) for what an import binds of a world."""
    if isinstance(statement, ast.Import):
        pairs = [(alias.asname or alias.name.split(".")[0], alias.name, alias.asname) for alias in statement.names]
        named = [(name, full, full if renamed else name) for name, full, renamed in pairs]
    elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
        taken = [(alias.asname or alias.name, f"{statement.module}.{alias.name}") for alias in statement.names]
        named = [(name, whole, whole) for name, whole in taken]
    else:
        return
    for name, full, meant in named:
        world = world_of(full)
        if world:
            yield name, world, meant


def _uses(statement: ast.stmt, aliases: dict[str, tuple[World, str]], here: Sequence[World]) -> Iterator[Use]:
    for _, world, full in _named(statement):
        yield Use(world, full, statement, sure=True)
    magic = _MAGIC.match(ast.unparse(statement)) if isinstance(statement, ast.Expr) else None
    for world in here:
        if magic is None:
            break
        words = f"%{magic[1]} {magic[2]}".strip()
        if magic[1] in world.magics or words.startswith(world.spare or NONE):
            yield Use(world, f"%{magic[1]}" if magic[1] != "load_ext" else words, statement, sure=True)
    free = needed(statement)
    for chain in _chains(statement):
        first, *others = chain.split(".")
        if first in aliases and first in free:
            world, full = aliases[first]
            what = ".".join([full, *others])
            # `google` alone is also that of google.cloud.
            if first in world.names or world_of(what):
                yield Use(world, what, statement, sure=isinstance(statement, PLAIN))


def _chains(node: ast.AST) -> Iterator[str]:
    """Yield the dotted names that `node` reads, the longest form of each."""
    if isinstance(node, ast.Attribute) and re.fullmatch(r"\w+(\.\w+)+", ast.unparse(node)):
        yield ast.unparse(node)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield node.id
    elif not isinstance(node, ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _chains(child)
