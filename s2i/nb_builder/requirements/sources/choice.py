"""Which of several declarations counts, and what to tell of the others."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from nb_scorer.common import paths
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from nb_builder.requirements.sources.base import Declaration, Said


@dataclass(frozen=True)
class Choice:
    """The declaration that counts beside the cell (None for none), what to tell, and those that say nothing of use."""

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
    """Return what counts: the nearest that names packages; beside a cell that does so, requirements.txt alone.

    `notes` are what is to be told of the cell itself, and `has_paths` is whether it asks for more than `cell` says.
    """
    asks = bool(cell) or has_paths
    checked = [_checked(declaration) for declaration in declarations]
    of_use = [each for each in checked if each.said.requirements or (_is_plain(each) and not each.wrong)]
    if asks:
        counted = next((each for each in of_use if _is_plain(each)), None)
    else:
        counted = next((each for each in of_use if each.said.requirements), next(iter(of_use), None))
    silent = tuple(each for each in checked if each not in of_use)
    notes = [*notes, *([f"{counted.file}: {note}." for note in counted.said.notes] if counted else ())]
    notes += [f"{each.file} is not read: {each.wrong}." for each in silent if each.wrong and (asks or counted)]
    asked = [*(("the cell", requirement) for requirement in cell), *_asked(counted)]
    for other in of_use:
        if other is not counted:
            notes += _disagreement(asked, other)
    return Choice(counted, tuple(notes), silent)


def exclude(one: Requirement, other: Requirement) -> bool:
    """Tell whether an exact pin of one is no version that the other takes."""
    for exact, broad in ((one, other), (other, one)):
        for pin in exact.specifier:
            if pin.operator == "==" and not pin.version.endswith("*"):
                return not broad.specifier.contains(pin.version, prereleases=True)
    return False


def _is_plain(declaration: Declaration) -> bool:
    """Tell whether it is a requirements.txt outside of binder/: such a one counts beside the cell."""
    *folders, name = declaration.file.split("/")
    return name == paths.REQUIREMENTS and folders[-1:] not in (["binder"], [".binder"])


def _checked(declaration: Declaration) -> Declaration:
    """Return a declaration as it is, or one that says why, where a line of it is no requirement."""
    if declaration.file.endswith(".txt"):
        return declaration  # It may hold options and paths; the installer judges them.
    for line in declaration.said.requirements:
        try:
            # Of environment.yml, lines for pip may be options, too.
            _ = line.startswith(("-", ".")) or "/" in line or line.endswith(".whl") or Requirement(line)
        except InvalidRequirement as wrong:
            reason = str(wrong).strip().splitlines()[0]
            return replace(declaration, said=Said(), wrong=f"{line!r} is no requirement ({reason})")
    return declaration


def _asked(declaration: Declaration | None) -> Iterator[tuple[str, Requirement]]:
    if declaration is None:
        return
    for line in declaration.said.requirements:
        with suppress(InvalidRequirement):
            yield declaration.file, Requirement(line)


def _disagreement(asked: Sequence[tuple[str, Requirement]], other: Declaration) -> list[str]:
    """Return a sentence for the first package of which `other` wants a version that what counts excludes."""
    for _, theirs in _asked(other):
        for place, ours in asked:
            if canonicalize_name(ours.name) == canonicalize_name(theirs.name) and exclude(ours, theirs):
                return [f"{place} asks for {ours}, and counts; {other.file} asks for {theirs}."]
    return []
