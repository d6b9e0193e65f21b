"""pyproject.toml: the standard's [project], dynamic dependencies of setuptools, and [tool.poetry]; with its lock."""

import os
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from nb_builder.common import inside
from nb_builder.requirements.sources import locks, requirements_txt, text
from nb_builder.requirements.sources.declaration import Packages, Unreadable

LOCKS = ("uv.lock", "poetry.lock")


def read(path: Path) -> Packages | None:
    """Return the content of a pyproject.toml, including its lock's versions; None if it doesn't name packages.

    Raises Unreadable.
    """
    content = text.toml(path)
    project, poetry = text.table(content, "project"), text.table(content, "tool", "poetry")
    if not project and "dependencies" not in poetry:
        return None
    python = str(project.get("requires-python", ""))
    if "dependencies" in project:
        packages = Packages(_listed(project["dependencies"]), python=python)
    elif "dependencies" in poetry:
        packages = _of_poetry(text.table(poetry, "dependencies"), path.parent)
    elif "dependencies" in text.strings(project.get("dynamic", []), "project.dynamic"):
        packages = Packages(_dynamic(content, path), python=python)
    else:
        packages = Packages(python=python)
    lock = next((path.with_name(name) for name in LOCKS if os.path.isfile(path.with_name(name))), None)
    if lock is None or not packages.requirements:
        return packages
    note = f"with the versions of {lock.name}"
    return Packages(packages.requirements, locks.of_toml(lock), packages.python, (*packages.notes, note))


def _listed(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        raise Unreadable("project.dependencies is not a list of strings")
    return text.strings(value, "project.dependencies")


def _dynamic(content: dict, path: Path) -> tuple[str, ...]:
    """Return the dependencies that setuptools reads from files."""
    files = text.table(content, "tool", "setuptools", "dynamic", "dependencies").get("file", [])
    paths = [path.parent / name for name in text.strings(files, "the dependencies' file")]
    # Like setuptools: in the project's own folder.
    if not paths or not all(os.path.isfile(file) and not inside.unreadable_reason(file, path.parent) for file in paths):
        raise Unreadable("its dependencies are dynamic: they are computed when it is built")
    return tuple(line for file in paths for line in requirements_txt.read(file).requirements)


def _of_poetry(dependencies: dict, folder: Path) -> Packages:
    """Return [tool.poetry.dependencies] as PEP 508 requirements."""
    # Imported here, because importing it takes longer than everything else that reads requirements.
    from poetry.core.constraints.version import parse_constraint
    from poetry.core.factory import Factory

    try:
        python = str(parse_constraint(str(dependencies.get("python", "*"))))
    except ValueError as error:
        raise Unreadable(f"its Python can't be read ({error})") from None
    lines, loosened = [], []
    for name, entry in _entries(dependencies):
        if not isinstance(entry, (str, dict)):
            raise Unreadable(f"the dependency {name} can't be read")
        try:
            dependency = Factory.create_dependency(name, entry, root_dir=folder)
            line = dependency.to_pep_508()
        except (ValueError, TypeError) as error:
            raise Unreadable(f"the dependency {name} can't be read ({error})") from None
        if dependency.is_optional():
            continue
        if "||" in line:
            loosened.append(line)
            line = dependency.complete_name
        lines.append(str(_requirement(line, name)))
    notes = (f"without the version, which pip can't read: {', '.join(loosened)}",) if loosened else ()
    return Packages(tuple(lines), python="" if python == "*" or "||" in python else python, notes=notes)


def _entries(dependencies: dict) -> Iterator[tuple[str, object]]:
    """Yield (package, constraint); a package may have a list of constraints, one for each system or Python."""
    for name, entry in dependencies.items():
        if name != "python":
            yield from ((name, constraint) for constraint in (entry if isinstance(entry, list) else [entry]))


def _requirement(line: str, name: str) -> Requirement:
    try:
        return Requirement(line)
    except InvalidRequirement:
        raise Unreadable(f"the dependency {name} can't be read") from None
