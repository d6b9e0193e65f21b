"""Notes imports that nothing declares, if only a run can show whether a package provides them."""

from collections.abc import Iterator, Sequence

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from nb_builder import platforms
from nb_builder.preflight.pip_cells import Installs
from nb_builder.preflight.undeclared_imports import WIDGETS, Import
from nb_builder.requirements import import_names, known_dependencies
from nb_builder.requirements.collect import Wanted


def notes(imports: Sequence[tuple[Import, str]], wanted: Wanted, installs: Installs) -> Iterator[str]:
    """Yield a note for each package that `imports`, each with its notebook's name, need and nothing declares.

    `wanted` is what is declared, `installs` what cells install. If no cell installs anything, the build looks up all
    imports before the first cell, except the widgets of tqdm's bars, which may not be drawn. There are no notes if a
    lock, a path or an address may provide anything, nor for modules that our tables don't have.
    """
    if installs.requirements:
        yield from _notes(imports, wanted, installs)
    else:
        bars = [(imported, notebook) for imported, notebook in imports if imported.module == WIDGETS]
        yield from _notes(bars, wanted, installs)


def notes_without_a_build(imports: Sequence[tuple[Import, str]], wanted: Wanted, installs: Installs) -> Iterator[str]:
    """Yield the notes that `notes` leaves to the build, which are about imports that certainly run."""
    if not installs.requirements:
        yield from _notes([(imported, notebook) for imported, notebook in imports if imported.sure], wanted, installs)


def _notes(imports: Sequence[tuple[Import, str]], wanted: Wanted, installs: Installs) -> Iterator[str]:
    names = _named(wanted, installs)
    if names is None:
        return
    for imported, notebook in imports:
        distribution = import_names.providing(imported.module)
        name = canonicalize_name(distribution or "")
        if not name or name in names or platforms.platform_of(imported.module):
            continue
        names.add(name)
        yield (
            f"{imported.where(notebook)} needs '{imported.package}', and nothing here names {distribution}: "
            "if no other package depends on it, the build fails."
        )


def nothing_is_installed(wanted: Wanted, installs: Installs) -> bool:
    """Return whether neither requirements nor cells install anything, so nothing can be a dependency."""
    return _named(wanted, installs) == set()


def lacks(name: str, wanted: Wanted, installs: Installs) -> bool:
    """Return whether nothing declares the distribution `name`, or one that is known to depend on it."""
    names = _named(wanted, installs)
    return names is not None and name not in names


def _named(wanted: Wanted, installs: Installs) -> set[str] | None:
    """Return what is declared, with known dependencies; None if a lock, a path or an address may provide anything."""
    if wanted.lock or not installs.complete or len(wanted.named) < len(wanted):
        return None
    asked = [*wanted.named, *installs.requirements]
    return known_dependencies.with_dependencies(name for each in asked for name in _names(each))


def mistaken(wanted: Wanted) -> Iterator[str]:
    """Yield a note if requirements contain names of imports instead of packages."""
    meant = {each.name: package for each in wanted.named if (package := import_names.package_meant(each.name))}
    if meant:
        yield (
            f"the requirements list {', '.join(meant)}; the packages meant are probably called "
            f"{', '.join(meant.values())}."
        )


def _names(requirement: Requirement) -> list[str]:
    """Return the name of a requirement, and what its extra is known to include."""
    includes_widgets = requirement.name == "tqdm" and "notebook" in requirement.extras
    return [requirement.name, *([WIDGETS] if includes_widgets else [])]
