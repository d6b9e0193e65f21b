"""uv.lock, poetry.lock and Pipfile.lock: the versions for the packages in pyproject.toml or Pipfile."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from packaging.version import Version

from nb_builder.requirements.sources import text
from nb_builder.requirements.sources.declaration import Packages, Unreadable


def read_toml_lock(path: Path) -> Packages:
    """Return all versions in a uv.lock or poetry.lock that has no pyproject.toml next to it; raise Unreadable."""
    return Packages(
        of_toml(path), notes=("all of its packages are installed, because there is no pyproject.toml next to it",)
    )


def read_pipfile_lock(path: Path) -> Packages:
    """Return all versions in a Pipfile.lock that has no Pipfile next to it; raise Unreadable."""
    return Packages(of_pipfile(path))


def of_toml(path: Path) -> tuple[str, ...]:
    """Return the versions in a uv.lock or poetry.lock as constraints; raise Unreadable.

    If a lock has several versions of a package, markers determine when each applies; one without is left out.
    """
    packages = text.toml(path).get("package", [])
    by_name = defaultdict(list)
    for package in packages if isinstance(packages, list) else []:
        if isinstance(package, dict) and {"name", "version"} <= package.keys() and not _is_own(package):
            by_name[str(package.get("name"))].append(package)
    return tuple(line for entries in by_name.values() for line in _lines(entries))


def of_pipfile(path: Path) -> tuple[str, ...]:
    """Return the versions in a Pipfile.lock as constraints; raise Unreadable."""
    try:
        packages = text.table(json.loads(text.read(path)), "default")
    except ValueError as error:
        raise Unreadable(f"it is not JSON ({error})") from None
    pins = {
        name: entry
        for name, entry in packages.items()
        if isinstance(entry, dict) and isinstance(entry.get("version"), str)
    }
    return tuple(name + entry["version"] + _marker(entry.get("markers")) for name, entry in pins.items())


def _is_own(package: Mapping) -> bool:
    """Return whether a package is the project itself, or comes from a folder, a repository or a file."""
    source = package.get("source")
    kinds = {"editable", "virtual", "directory", "git", "url", "path"}
    return isinstance(source, dict) and bool(kinds & {*source, source.get("type")})


def _lines(packages: Sequence[Mapping]) -> Iterable[str]:
    for package in packages:
        marker = _marker(package.get("resolution-markers") or package.get("markers"))
        if len(packages) == 1:
            # The marker of a package's only version determines where it is needed at all, which is not a constraint.
            yield f"{package['name']}=={_public(package['version'])}"
        elif marker:
            yield f"{package['name']}=={_public(package['version'])}{marker}"


def _public(version: str) -> str:
    """Return a version without its local part: 2.1.0+cpu satisfies ==2.1.0, but 2.1.0 doesn't satisfy ==2.1.0+cpu."""
    try:
        return Version(str(version)).public
    except ValueError:
        # InvalidVersion, or thousands of digits.
        return str(version)


def _marker(markers: object) -> str:
    if isinstance(markers, dict):
        # poetry.lock has a table with a marker for each dependency group.
        markers = markers.get("main")
    if isinstance(markers, str):
        markers = [markers]
    if not isinstance(markers, list) or not markers:
        return ""
    return " ; " + " or ".join(f"({marker})" for marker in markers)
