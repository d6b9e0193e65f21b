"""Finds statements in a notebook that use something only one platform has, from the syntax tree."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nb_builder.common import syntax_trees
from nb_builder.common.cell import Cell
from nb_builder.platforms.catalog import PLATFORMS, Platform, platform_of
from nb_builder.repository.source_tree import has_module
from nb_builder.rewrite.magics import as_python
from nb_builder.rewrite.names import bound, needed

# Statements that always run at a cell's top level.
PLAIN = (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.With)
_MAGIC = re.compile(r"get_ipython\(\)\.run_(?:line|cell)_magic\('(\w+)', '([^']*)'")


@dataclass(frozen=True)
class Use:
    """One statement's use of something that only `platform` has: `what`, such as google.colab.drive.mount."""

    platform: Platform
    what: str
    statement: ast.stmt
    sure: bool

    @property
    def imports(self) -> bool:
        """Return whether it is an import."""
        return isinstance(self.statement, (ast.Import, ast.ImportFrom))

    @property
    def removable(self) -> bool:
        """Return whether the statement can be left out if nothing else uses the platform."""
        sets_up = isinstance(self.statement, ast.Expr) and self.what.startswith(self.platform.setup)
        return self.sure and (self.imports or sets_up)


def by_cell(cells: Sequence[Cell], metadata: dict, repository: Path) -> list[tuple[Cell, list[Use]]]:
    """Return (cell, its uses in order) for each cell; skip platforms of which the repository has a module."""
    if any("google-colab" in cell.source for cell in cells):
        # A distribution google-colab exists, and a notebook that requires it intends to use it.
        return []
    trees = [(cell, cell.statements or ()) for cell in cells if "raises-exception" not in cell.tags]
    own_names = bound(statement for _, body in trees for statement in body)
    imports = [binding for _, body in trees for statement in body for binding in _named(statement)]
    aliases = {name: (platform, full) for name, platform, full in imports}
    imported_platforms = {platform.name: platform for _, platform, _ in imports}.values()
    provided = {
        platform.name
        for platform in imported_platforms
        if any(has_module(repository, module) for module in platform.modules)
    }
    applicable = [platform for platform in PLATFORMS if not platform.metadata_key or platform.metadata_key in metadata]
    for platform in applicable:
        aliases.update({name: (platform, name) for name in platform.names if name not in own_names})
    uses_by_cell = [
        (cell, [use for statement in body for use in _uses(statement, aliases, applicable)]) for cell, body in trees
    ]
    return [(cell, [use for use in uses if use.platform.name not in provided]) for cell, uses in uses_by_cell]


def commented(source: str, uses: Sequence[Use]) -> str | None:
    """Return the source with the statements of `uses` commented out; None if one shares a line with any other."""
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


def _named(statement: ast.stmt) -> Iterator[tuple[str, Platform, str]]:
    """Yield (name, platform, full name) for each name of a platform that an import binds."""
    if isinstance(statement, ast.Import):
        aliases = [(alias.asname or alias.name.split(".")[0], alias.name, alias.asname) for alias in statement.names]
        named = [(name, full, full if renamed else name) for name, full, renamed in aliases]
    elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
        members = [(alias.asname or alias.name, f"{statement.module}.{alias.name}") for alias in statement.names]
        named = [(name, full, full) for name, full in members]
    else:
        return
    for name, full, meant in named:
        platform = platform_of(full)
        if platform:
            yield name, platform, meant


def _uses(
    statement: ast.stmt, aliases: dict[str, tuple[Platform, str]], applicable: Sequence[Platform]
) -> Iterator[Use]:
    for _, platform, full in _named(statement):
        yield Use(platform, full, statement, sure=True)
    magic = _MAGIC.match(ast.unparse(statement)) if isinstance(statement, ast.Expr) else None
    for platform in applicable:
        if magic is None:
            break
        text = f"%{magic[1]} {magic[2]}".strip()
        if magic[1] in platform.magics or text.startswith(platform.setup):
            yield Use(platform, f"%{magic[1]}" if magic[1] != "load_ext" else text, statement, sure=True)
    chains = [chain.split(".") for chain in _chains(statement)]
    chains = [chain for chain in chains if chain[0] in aliases]
    free = needed(statement) if chains else set()
    for root, *rest in chains:
        if root in free:
            platform, full = aliases[root]
            what = ".".join([full, *rest])
            # `import google.colab` binds `google`, which is the parent of google.cloud, too.
            if root in platform.names or platform_of(what):
                yield Use(platform, what, statement, sure=isinstance(statement, PLAIN))


def _chains(node: ast.AST) -> Iterator[str]:
    """Yield the dotted names that `node` reads, the longest form of each."""
    if isinstance(node, ast.Attribute) and (dotted := _dotted(node)):
        yield dotted
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield node.id
    elif not isinstance(node, ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _chains(child)


def _dotted(node: ast.expr) -> str:
    """Return a chain of names such as `a.b.c`, "" for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if not isinstance(node, ast.Attribute):
        return ""
    owner = _dotted(node.value)
    return owner and f"{owner}.{node.attr}"
