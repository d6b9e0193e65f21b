"""Pipfile, with the versions of the Pipfile.lock next to it."""

import os
from pathlib import Path

from nb_builder.requirements.sources import locks, text
from nb_builder.requirements.sources.declaration import Packages, Unreadable


def read(path: Path) -> Packages:
    """Return the content of a Pipfile, with the versions of its lock as constraints; raise Unreadable."""
    content = text.toml(path)
    packages, requires = text.table(content, "packages"), text.table(content, "requires")
    version = str(requires.get("python_version") or requires.get("python_full_version") or "")
    python = f"=={'.'.join(version.split('.')[:2])}.*" if version.startswith("3.") else ""
    requirements = tuple(_line(name, entry) for name, entry in packages.items())
    lock = path.with_name("Pipfile.lock")
    if not os.path.isfile(lock) or not requirements:
        return Packages(requirements, python=python)
    return Packages(requirements, locks.of_pipfile(lock), python, (f"with the versions of {lock.name}",))


def _line(name: str, entry: object) -> str:
    """Return an entry of [packages], which is a version or a table, as a requirement line."""
    entry = {"version": entry} if isinstance(entry, str) else entry
    if not isinstance(entry, dict):
        raise Unreadable(f"the package {name} can't be read")
    extras = f"[{','.join(text.strings(entry['extras'], f'extras of {name}'))}]" if entry.get("extras") else ""
    markers = f" ; {entry['markers']}" if entry.get("markers") else ""
    if "git" in entry:
        ref = f"@{entry['ref']}" if entry.get("ref") else ""
        return f"{name}{extras} @ git+{str(entry['git']).removeprefix('git+')}{ref}{markers}"
    if "file" in entry:
        return f"{name}{extras} @ {entry['file']}{markers}"
    if "path" in entry:
        raise Unreadable(f"the package {name} is a folder ({entry['path']})")
    version = str(entry.get("version", "*"))
    return f"{name}{extras}{'' if version in ('', '*') else _compared(version)}{markers}"


def _compared(version: str) -> str:
    return version if version[0] in "<>=!~" else f"=={version}"
