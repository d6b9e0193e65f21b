"""The requirements of several notebooks as one: they share an environment."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from nb_scorer import layout
from packaging.utils import canonicalize_name

from nb_builder.problems import RequirementsConflict
from nb_builder.requirements import Wanted, also
from nb_builder.sources import exclude

FILES = "requirements_files.txt"


def join(parts: Sequence[tuple[Path, Wanted]], into: Path) -> Wanted:
    """Return what the notebooks of `parts` (each with its name) want together; files go to the folder `into`.

    The lock is that of the last one. Raises RequirementsConflict where two of them pin a package differently.
    """
    if len(parts) == 1:
        return parts[0][1]
    for one, other in combinations(parts, 2):
        _check_agreement(*one, *other)
    last = parts[-1][1]
    by_text = {str(requirement): requirement for _, wanted in parts for requirement in wanted.cell}
    cell = tuple(by_text.values())
    last.emitted.write_text("".join(line + "\n" for line in [*by_text, *also(cell)]), encoding="utf-8")
    files = list(dict.fromkeys(wanted.file for _, wanted in parts if wanted.file))
    constraints = list(dict.fromkeys(wanted.constraints for _, wanted in parts if wanted.constraints))
    choice = replace(last.choice, notes=tuple(note for _, wanted in parts for note in wanted.choice.notes))
    return Wanted(cell, last.emitted, _one_file(files, into), last.lock, _one_constraint(constraints, into), choice)


def _one_constraint(files: Sequence[Path], into: Path) -> Path | None:
    """Return the one file of constraints, or for several a file with the lines of all."""
    if len(files) < 2:
        return files[0] if files else None
    lines = dict.fromkeys(line for path in files for line in path.read_text(encoding="utf-8").splitlines())
    (into / layout.REQUIREMENTS_VERSIONS).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return into / layout.REQUIREMENTS_VERSIONS


def _one_file(files: Sequence[Path], into: Path) -> Path | None:
    """Return the one file, or for several a file that draws them in: paths in each are relative to itself."""
    if len(files) < 2:
        return files[0] if files else None
    lines = [f"-r {path.resolve().as_uri()}\n" for path in files]
    (into / FILES).write_text("".join(lines), encoding="utf-8")
    return into / FILES


def _check_agreement(name: Path, wanted: Wanted, other_name: Path, other: Wanted) -> None:
    for ours in wanted.cell:
        for theirs in other.cell:
            if canonicalize_name(ours.name) == canonicalize_name(theirs.name) and exclude(ours, theirs):
                reason = f"{name} asks for {ours}, and {other_name} for {theirs}."
                raise RequirementsConflict(reason=reason, detail="")
