"""Which file of the repository is the notebook, where nobody has chosen one: the only one that defines predictor."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from nb_scorer.common.problem import Problem

from nb_builder.analysis import contract
from nb_builder.common.cell import Cell
from nb_builder.problems.repository import NotebookAmbiguous, NotebookMissing, PredictorNowhere
from nb_builder.repository import formats, notebook_file
from nb_builder.repository.formats import percent
from nb_builder.rewrite import scripts

_LISTED = 10
# They may define a predictor to try something with; nobody serves it.
_TESTS = ("test", "tests")


def sole(repository: Path, say: Callable[[str], None]) -> Path:
    """Return the notebook to build, relative to `repository`; `say` gets the reason where there were several.

    Raises NotebookMissing, NotebookAmbiguous or PredictorNowhere.
    """
    first, *others = groups(repository)
    if len(first) == 1 and _may_bind(repository, first[0]):
        return first[0]
    for group in (first, *others):
        binding = [path for path in group if binds(repository, path)]
        if len(binding) > 1:
            raise NotebookAmbiguous(count=len(binding), names=listed(binding), example=binding[0])
        if binding:
            _say(binding[0], sum(map(len, (first, *others))), say)
            return binding[0]
    there = next((group for group in (first, others[0]) if group), [])
    if not there:
        raise NotebookMissing
    if len(there) > 1:
        raise PredictorNowhere(count=len(there), names=listed(there), example=there[0])
    return there[0]


def groups(repository: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """Return the repository's notebooks, those in other forms, and scripts that may be one; each group sorted.

    A notebook that Jupytext keeps in two forms is the .ipynb.
    """
    found: tuple[list[Path], list[Path], list[Path]] = ([], [], [])
    for path in sorted(_files(repository)):
        if path.suffix == ".ipynb":
            found[0].append(path)
        elif formats.is_notebook(path, text := _text(repository / path)):
            found[1].append(path)
        elif path.suffix == ".py" and "predictor" in text and binds(repository, path):
            # A script in cells is a notebook; any other may be a module of one.
            found[1 if percent.is_notebook(text) else 2].append(path)
    return found


def listed(paths: list[Path]) -> str:
    """Return at most ten names, the rest as a count: the message must stay readable."""
    names = ", ".join(str(path) for path in paths[:_LISTED])
    return names + (f" and {len(paths) - _LISTED} more" if len(paths) > _LISTED else "")


def binds(repository: Path, path: Path) -> bool:
    """Tell whether a cell of the notebook binds predictor; False for one that can't be read."""
    return "predictor" in _text(repository / path) and bool(
        contract.bindings("predictor", _cells(repository, path) or ())
    )


def _may_bind(repository: Path, path: Path) -> bool:
    """Tell whether a notebook binds predictor, or might in a way that no syntax tree shows."""
    cells = _cells(repository, path)
    return cells is None or bool(contract.bindings("predictor", cells)) or contract.may_bind_unseen(cells)


def _cells(repository: Path, path: Path) -> tuple[Cell, ...] | None:
    """Return the notebook's code cells; None where it can't be read, which is told if it is the one to build."""
    try:
        return scripts.author_cells(notebook_file.read(repository, path))
    except Problem:
        return None


def _say(chosen: Path, count: int, say: Callable[[str], None]) -> None:
    if count > 1:
        say(f"{chosen} is taken: of {count} notebooks and scripts it is the one that defines predictor.")


def _files(repository: Path) -> Iterator[Path]:
    """Yield the files that could be notebooks.

    Hidden folders never count (Jupyter keeps old copies in .ipynb_checkpoints), nor do virtual
    environments, which ship notebooks of their own.
    """
    for folder, inner, files in os.walk(repository):
        here = Path(folder)
        inner[:] = [name for name in inner if not name.startswith(".") and not (here / name / "pyvenv.cfg").exists()]
        for name in files:
            path = (here / name).relative_to(repository)
            if path.suffix in formats.SUFFIXES and not _is_test(path):
                yield path


def _is_test(path: Path) -> bool:
    names = {part.lower() for part in path.parts[:-1]}
    return path.suffix == ".py" and (not names.isdisjoint(_TESTS) or path.name.startswith(("test_", "conftest")))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig", errors="replace") if path.is_file() else ""
