"""uv.lock, poetry.lock and Pipfile.lock: the versions that go with what pyproject.toml or Pipfile ask for."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from packaging.version import InvalidVersion, Version

from nb_builder.requirements.sources import text
from nb_builder.requirements.sources.base import Said, Unreadable


def read_toml_lock(path: Path) -> Said:
    """Return all that a uv.lock or poetry.lock has, for want of what it was made of; raise Unreadable."""
    return Said(of_toml(path), notes=("all that it has is installed, as there is no pyproject.toml beside it",))


def read_pipfile_lock(path: Path) -> Said:
    """Return all that a Pipfile.lock has, for want of its Pipfile; raise Unreadable."""
    return Said(of_pipfile(path))


def of_toml(path: Path) -> tuple[str, ...]:
    """Return the versions in a uv.lock or poetry.lock as constraints; raise Unreadable.

    One that has several versions of a package says in markers which is for whom; without these it is no constraint.
    """
    packages = text.toml(path).get("package", [])
    by_name = defaultdict(list)
    for package in packages if isinstance(packages, list) else []:
        if isinstance(package, dict) and {"name", "version"} <= package.keys() and not _is_own(package):
            by_name[str(package.get("name"))].append(package)
    return tuple(line for found in by_name.values() for line in _lines(found))


def of_pipfile(path: Path) -> tuple[str, ...]:
    """Return the versions in a Pipfile.lock as constraints; raise Unreadable."""
    try:
        packages = text.table(json.loads(text.read(path)), "default")
    except json.JSONDecodeError as wrong:
        raise Unreadable(f"it is no JSON ({wrong})") from None
    pins = {
        name: entry
        for name, entry in packages.items()
        if isinstance(entry, dict) and isinstance(entry.get("version"), str)
    }
    return tuple(name + entry["version"] + _marker(entry.get("markers")) for name, entry in pins.items())


def _is_own(package: Mapping) -> bool:
    """Tell whether a package is the project itself, or comes from a folder, a repository or a file."""
    source = package.get("source")
    kinds = {"editable", "virtual", "directory", "git", "url", "path"}
    return isinstance(source, dict) and bool(kinds & {*source, source.get("type")})


def _lines(packages: Sequence[Mapping]) -> Iterable[str]:
    for package in packages:
        marker = _marker(package.get("resolution-markers") or package.get("markers"))
        if len(packages) == 1:
            # The marker of a sole version says where the package is wanted at all, which is no constraint.
            yield f"{package['name']}=={_public(package['version'])}"
        elif marker:
            yield f"{package['name']}=={_public(package['version'])}{marker}"


def _public(version: str) -> str:
    """Return a version without the part behind `+`: 2.1.0 has 2.1.0+cpu for a version, and not the other way."""
    try:
        return Version(str(version)).public
    except InvalidVersion:
        return str(version)


def _marker(markers: object) -> str:
    if isinstance(markers, dict):
        # poetry.lock has one for each group of packages.
        markers = markers.get("main")
    if isinstance(markers, str):
        markers = [markers]
    if not isinstance(markers, list) or not markers:
        return ""
    return " ; " + " or ".join(f"({marker})" for marker in markers)
