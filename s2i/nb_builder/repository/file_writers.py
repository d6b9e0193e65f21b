"""Finds, from their syntax trees, other notebooks of the repository that write a missing file."""

import ast
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from nb_scorer.common.problem import Problem

from nb_builder.common import syntax_trees
from nb_builder.common.cell import Cell
from nb_builder.repository import candidates, notebook_file
from nb_builder.rewrite import scripts

# df.to_csv, joblib.dump, torch.save, np.savez, model.save_model, path.write_text, model.export
_WRITES = re.compile(r"to_|dump|save|write|export")


def before(notebook: Path, missing: Path, repository: Path) -> list[Path]:
    """Return the notebooks to run before `notebook`, in order, so that the file `missing` exists.

    All paths are relative to `repository`. The result includes notebooks that write the inputs of these. A file that
    several notebooks write, or none, has no such notebook.
    """
    others = {path: cells for path in candidates.all_of(repository) if (cells := _cells(repository, path))}
    others.pop(notebook, None)
    written = {path: _paths(path, _written(cells)) for path, cells in others.items()}
    order: list[Path] = []
    _add_writer(missing, others, written, order, set())
    return order


def writes(cell: Cell, file: str) -> bool:
    """Return whether a cell writes `file`, and names it in the call as a string."""
    return file in _written([cell])


def _add_writer(
    file: Path,
    others: Mapping[Path, Sequence[Cell]],
    written: Mapping[Path, set[Path]],
    order: list[Path],
    seen: set[Path],
) -> None:
    """Append the notebook that writes `file` to `order`, after those that write its inputs."""
    writers = [path for path, files in written.items() if file in files]
    if len(writers) != 1 or writers[0] in seen:
        return
    seen.add(writers[0])
    for named in sorted(_paths(writers[0], _named(others[writers[0]]))):
        _add_writer(named, others, written, order, seen)
    order.append(writers[0])


def _cells(repository: Path, path: Path) -> tuple[Cell, ...]:
    """Return a notebook's code cells; none if it can't be read."""
    try:
        return scripts.author_cells(notebook_file.read(repository, path))
    except Problem:
        return ()


def _paths(notebook: Path, names: Iterator[str]) -> set[Path]:
    """Return the paths in the repository that `names` refer to in a notebook."""
    return {Path(os.path.normpath(notebook.parent / name)) for name in names}


def _nodes(cells: Sequence[Cell]) -> Iterator[ast.AST]:
    for cell in cells:
        yield from ast.walk(syntax_trees.tree(cell.source) or ast.Module([], []))


def _named(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield every string of the cells that may be a file name."""
    for node in _nodes(cells):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
            yield node.value


def _written(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield the names of files that the cells write, if they are string literals in the call."""
    for node in _nodes(cells):
        if isinstance(node, ast.Call) and _writes(node):
            function = node.func
            # Path("a.txt").write_text(…)
            owner = function.value if isinstance(function, ast.Attribute) else None
            of_owner = owner.args if isinstance(owner, ast.Call) else []
            yield from _strings([*node.args, *(keyword.value for keyword in node.keywords), *of_owner])


def _writes(call: ast.Call) -> bool:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name == "open":
        return any(set("wax") & set(mode) for mode in _modes(call))
    magic = name == "run_cell_magic" and "writefile" in _strings(call.args[:1])
    return magic or bool(_WRITES.match(name))


def _modes(call: ast.Call) -> Iterator[str]:
    """Yield the mode of a call of open, if it is a literal: "w", "rb"."""
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    yield from (text for text in _strings(given) if re.fullmatch(r"[rwaxbt+]{1,4}", text))


def _strings(nodes: Sequence[ast.expr]) -> list[str]:
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
