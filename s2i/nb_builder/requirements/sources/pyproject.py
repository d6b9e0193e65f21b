"""pyproject.toml: the standard's [project], setuptools' dynamic files, and [tool.poetry]; with its lock."""

from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from nb_builder.requirements.sources import locks, requirements_txt, text
from nb_builder.requirements.sources.base import Said, Unreadable

LOCKS = ("uv.lock", "poetry.lock")


def read(path: Path) -> Said | None:
    """Return what a pyproject.toml says, its lock's versions included; None where it says nothing of packages.

    Raises Unreadable.
    """
    content = text.toml(path)
    project, poetry = text.table(content, "project"), text.table(content, "tool", "poetry")
    if not project and "dependencies" not in poetry:
        return None
    python = str(project.get("requires-python", ""))
    if "dependencies" in project:
        said = Said(_listed(project["dependencies"]), python=python)
    elif "dependencies" in poetry:
        said = _of_poetry(text.table(poetry, "dependencies"), path.parent)
    elif "dependencies" in text.texts(project.get("dynamic", []), "project.dynamic"):
        said = Said(_dynamic(content, path), python=python)
    else:
        said = Said(python=python)
    lock = next((path.with_name(name) for name in LOCKS if path.with_name(name).is_file()), None)
    if lock is None or not said.requirements:
        return said
    note = f"with the versions of {lock.name}"
    return Said(said.requirements, locks.of_toml(lock), said.python, (*said.notes, note))


def _listed(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        raise Unreadable("project.dependencies is no list of texts")
    return text.texts(value, "project.dependencies")


def _dynamic(content: dict, path: Path) -> tuple[str, ...]:
    """Return the dependencies that setuptools is told to read from files."""
    files = text.table(content, "tool", "setuptools", "dynamic", "dependencies").get("file", [])
    found = [path.parent / name for name in text.texts(files, "the dependencies' file")]
    if not found or not all(file.is_file() for file in found):
        raise Unreadable("its dependencies are dynamic: they are computed when it is built")
    return tuple(line for file in found for line in requirements_txt.read(file).requirements)


def _of_poetry(dependencies: dict, folder: Path) -> Said:
    """Return [tool.poetry.dependencies] as PEP 508 says it."""
    # Here and not above: it takes longer to import than all else that reads requirements.
    from poetry.core.constraints.version import parse_constraint
    from poetry.core.factory import Factory

    try:
        python = str(parse_constraint(str(dependencies.get("python", "*"))))
    except ValueError as wrong:
        raise Unreadable(f"its Python can't be read ({wrong})") from None
    lines, loosened = [], []
    for name, entry in _entries(dependencies):
        if not isinstance(entry, (str, dict)):
            raise Unreadable(f"the dependency {name} can't be read")
        try:
            dependency = Factory.create_dependency(name, entry, root_dir=folder)
            line = dependency.to_pep_508()
        except (ValueError, TypeError) as wrong:
            raise Unreadable(f"the dependency {name} can't be read ({wrong})") from None
        if dependency.is_optional():
            continue
        if "||" in line:
            loosened.append(line)
            line = dependency.complete_name
        lines.append(str(_requirement(line, name)))
    notes = (f"without the version, which pip can't read: {', '.join(loosened)}",) if loosened else ()
    return Said(tuple(lines), python="" if python == "*" or "||" in python else python, notes=notes)


def _entries(dependencies: dict) -> Iterator[tuple[str, object]]:
    """Yield each package with each of its constraints: a list has one for each system or Python."""
    for name, entry in dependencies.items():
        if name != "python":
            yield from ((name, each) for each in (entry if isinstance(entry, list) else [entry]))


def _requirement(line: str, name: str) -> Requirement:
    try:
        return Requirement(line)
    except InvalidRequirement:
        raise Unreadable(f"the dependency {name} can't be read") from None
