"""Determines which of a notebook's imports `requirements` lacks, and which versions the user has installed."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from nb_builder import platforms
from nb_builder.fix.installed_packages import Installed, UserPackages
from nb_builder.fix.problems import PackageFromFolder, VersionUnknown
from nb_builder.fix.requirements_cell import Entry
from nb_builder.preflight.undeclared_imports import Import
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.requirements import pins
from nb_builder.requirements.collect import Wanted
from nb_builder.requirements.import_names import entry, providing


@dataclass(frozen=True)
class Missing:
    """Missing requirements: entries to write, problems of packages without a version, and notes."""

    entries: tuple[Entry, ...] = ()
    problems: tuple[BuildProblem, ...] = ()
    notes: tuple[str, ...] = ()


def declared_names(wanted: Wanted) -> set[str]:
    """Return the normalised names that the notebook and its requirements file declare."""
    return {canonicalize_name(requirement.name) for requirement in wanted.named}


def find(
    imports: Sequence[Import],
    packages: UserPackages,
    wanted: Wanted,
    notebook: Path,
    src: Path,
    by_pip: Sequence[Requirement] = (),
) -> Missing:
    """Return the requirements that `imports` need and that aren't declared; `packages` has the distributions.

    `by_pip` are the requirements that the notebook's cells pass to pip: their pins are the author's.
    """
    declared = declared_names(wanted)
    pinned: dict[str, str] = {
        canonicalize_name(each.name): version for each in by_pip if (version := pins.exact_version(each))
    }
    entries: dict[str, Entry] = {}
    absent: list[Import] = []
    folders: dict[str, list[tuple[Installed, Import]]] = defaultdict(list)
    for imported, installed in zip(imports, packages.providers, strict=True):
        if platforms.platform_of(imported.module) or _names(imported, installed) & declared:
            continue
        own_pin = sorted(_names(imported, installed) & set(pinned))
        if own_pin:
            entries[own_pin[0]] = (own_pin[0], pinned[own_pin[0]])
        elif installed is None:
            absent.append(imported)
        elif installed.in_folder:
            own = _in_repository(installed, notebook, src)
            if own:
                entries[installed.key] = (own,)
            else:
                folders[installed.key].append((installed, imported))
        else:
            entries[installed.key] = installed.entry
    # A declared distribution that isn't installed may provide the module that wasn't found.
    covered = not declared or declared <= set(packages.versions)
    sure = [imported for imported in absent if imported.sure and covered]
    problems: list[BuildProblem] = [_unknown(sure, packages, notebook)] if sure else []
    problems += [
        _from_folder(found[0][0], [imported for _, imported in found], packages, notebook) for found in folders.values()
    ]
    notes = [*_of_absent([each for each in absent if each not in sure], packages)]
    notes += _of_others([*wanted.named, *by_pip], packages) if entries else []
    return Missing(tuple(entries[key] for key in sorted(entries)), tuple(problems), tuple(notes))


def _names(imported: Import, installed: Installed | None) -> set[str]:
    """Return the normalised names under which an import's package may be declared."""
    known = providing(imported.module)
    return ({installed.key} if installed else set()) | ({canonicalize_name(known)} if known else set())


def _in_repository(installed: Installed, notebook: Path, src: Path) -> str:
    """Return the path from the notebook's folder to a package inside the repository; "" for any other package."""
    folder, top = Path(installed.in_folder).resolve(), src.resolve()
    if not folder.is_relative_to(top):
        return ""
    # Paths relative to the top of the repository count, too.
    return f"./{folder.relative_to(top)}" if folder != top else "./."


def _unknown(imports: Sequence[Import], packages: UserPackages, notebook: Path) -> VersionUnknown:
    modules = sorted({imported.package for imported in imports})
    entries = ", ".join(sorted({entry(module).replace('""', '"<version>"') for module in modules}))
    problem = VersionUnknown(
        notebook=notebook, modules=", ".join(modules), python=packages.python, entries=f"[{entries}]"
    )
    _place(problem, imports, notebook)
    return problem


def _from_folder(
    installed: Installed, imports: Sequence[Import], packages: UserPackages, notebook: Path
) -> PackageFromFolder:
    modules = ", ".join(sorted({imported.package for imported in imports}))
    problem = PackageFromFolder(
        notebook=notebook, modules=modules, python=packages.python, folder=installed.in_folder, name=installed.key
    )
    _place(problem, imports, notebook)
    return problem


def _place(problem: BuildProblem, imports: Sequence[Import], notebook: Path) -> None:
    first = next(((imported.cell, imported.line) for imported in imports if imported.cell), None)
    if first and first[0]:
        problem.at(notebook, first[0], first[1])


def _of_absent(imports: Sequence[Import], packages: UserPackages) -> Iterator[str]:
    if imports:
        modules = ", ".join(sorted({imported.package for imported in imports}))
        yield f"{packages.python} does not have {modules}, which may not be needed; --fix adds nothing for it."


def _of_others(asked: Sequence[Requirement], packages: UserPackages) -> Iterator[str]:
    """Yield a note for each package declared in another version than the installed one."""
    for requirement in asked:
        installed = packages.versions.get(canonicalize_name(requirement.name))
        if installed and not requirement.url and not requirement.specifier.contains(installed, prereleases=True):
            yield (
                f"{requirement} is required, but {packages.python} has {requirement.name} {installed}; "
                "--fix adds packages that were installed with that one."
            )
