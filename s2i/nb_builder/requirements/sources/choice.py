"""Chooses the declaration that counts, and notes the others."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from nb_scorer.common import paths
from packaging.requirements import InvalidRequirement, Requirement

from nb_builder.requirements import pins
from nb_builder.requirements.sources.declaration import Declaration, Packages


@dataclass(frozen=True)
class Choice:
    """The declaration that counts in addition to the cell's list, or None; notes; and the unusable declarations."""

    counted: Declaration | None
    notes: tuple[str, ...]
    silent: tuple[Declaration, ...]


NOTHING = Choice(None, (), ())


def choose(
    cell: Sequence[Requirement],
    declarations: Iterable[Declaration],
    notes: Iterable[str] = (),
    *,
    has_paths: bool = False,
) -> Choice:
    """Return the declaration that counts: the nearest that names packages; `declarations` has the nearest first.

    If a cell names packages, only a requirements.txt counts in addition. `notes` are those about the cell itself, and
    `has_paths` is whether it contains paths or addresses, which are not in `cell`.
    """
    asks = bool(cell) or has_paths
    checked = [_checked(declaration) for declaration in declarations]
    usable = [
        declaration
        for declaration in checked
        if declaration.packages.requirements or (_is_plain(declaration) and not declaration.error)
    ]
    if asks:
        counted = next((declaration for declaration in usable if _is_plain(declaration)), None)
    else:
        counted = next(
            (declaration for declaration in usable if declaration.packages.requirements), next(iter(usable), None)
        )
    silent = tuple(declaration for declaration in checked if declaration not in usable)
    notes = [*notes, *([f"{counted.file}: {note}." for note in counted.packages.notes] if counted else ())]
    notes += [
        f"{declaration.file} is not read: {declaration.error}."
        for declaration in silent
        if declaration.error and (asks or counted)
    ]
    requested = [*(("the cell", requirement) for requirement in cell), *_requirements_of(counted)]
    for declaration in usable:
        if declaration is not counted:
            notes += _disagreement(requested, declaration)
    return Choice(counted, tuple(notes), silent)


def _is_plain(declaration: Declaration) -> bool:
    """Return whether it is a requirements.txt outside binder/, which counts in addition to the cell's list."""
    *folders, name = declaration.file.split("/")
    return name == paths.REQUIREMENTS and folders[-1:] not in (["binder"], [".binder"])


def _checked(declaration: Declaration) -> Declaration:
    """Return a declaration unchanged, or one with an error if one of its lines is not a requirement."""
    if declaration.file.endswith(".txt"):
        return declaration  # It may contain options and paths, which the installer checks.
    for line in declaration.packages.requirements:
        try:
            # The lines for pip in an environment.yml may be options, too.
            _ = line.startswith(("-", ".")) or "/" in line or line.endswith(".whl") or Requirement(line)
        except InvalidRequirement as error:
            reason = str(error).strip().splitlines()[0]
            return replace(declaration, packages=Packages(), error=f"{line!r} is not a requirement ({reason})")
    return declaration


def _requirements_of(declaration: Declaration | None) -> Iterator[tuple[str, Requirement]]:
    if declaration is None:
        return
    for line in declaration.packages.requirements:
        with suppress(InvalidRequirement):
            yield declaration.file, Requirement(line)


def _disagreement(requested: Sequence[tuple[str, Requirement]], declaration: Declaration) -> list[str]:
    """Return a note for the first package whose version in `declaration` is excluded by `requested`."""
    for _, theirs in _requirements_of(declaration):
        for file, ours in requested:
            if pins.conflict(ours, theirs):
                return [f"{file} requires {ours}, and takes precedence; {declaration.file} requires {theirs}."]
    return []
