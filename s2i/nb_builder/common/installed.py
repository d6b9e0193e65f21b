"""The distributions of a virtual environment, and which files belong to each."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.utils import canonicalize_name

# Matches libgomp.so.1 and _ctypes.cpython-311-x86_64-linux-gnu.so.
_SHARED = re.compile(r"\.so(\.\d+)*$")
_TAGS = (".cpython-", ".abi3.")
_ENTRIES = ".dist-info/entry_points.txt"
_PROGRAMS = ("console_scripts", "gui_scripts")
_METADATA = (".dist-info", ".egg-info")


@dataclass(frozen=True)
class Distribution:
    """One installed distribution; `files` are absolute paths that exist, bytecode and metadata included.

    `name` is normalised as in an index (`python-dateutil`), `bytes` is the size of the files, `native` states whether
    it has shared objects, and `requires` are its declared requirements in PEP 508 format.
    """

    name: str
    version: str
    files: tuple[str, ...]
    bytes: int
    native: bool
    requires: tuple[str, ...] = ()


def installed(venv: Path) -> tuple[Distribution, ...]:
    """Return the distributions of `venv` from their RECORD files, largest first.

    Their folders are resolved (no symbolic links), and missing files are left out. A distribution without a list of
    files is left out, because its files are unknown.
    """
    distributions: dict[str, Distribution] = {}
    for folder in site_packages(venv):
        for distribution in metadata.distributions(path=[folder]):
            name = canonicalize_name(distribution.name or "")
            if name and distribution.files and name not in distributions:
                distributions[name] = _described(name, distribution)
    return tuple(sorted(distributions.values(), key=lambda distribution: (-distribution.bytes, distribution.name)))


def site_packages(venv: Path) -> list[str]:
    """Return the folders of `venv` that contain packages, as real paths."""
    folders = [*venv.glob("lib/python*/site-packages"), *venv.glob("lib64/python*/site-packages")]
    return sorted({os.path.realpath(folder) for folder in folders})


def owners(distributions: Iterable[Distribution]) -> dict[str, list[Distribution]]:
    """Return {file: its distributions}: usually one; the `__init__.py` of a shared package may have several."""
    owners_of: dict[str, list[Distribution]] = {}
    for distribution in distributions:
        for file in distribution.files:
            owners_of.setdefault(file, []).append(distribution)
    return owners_of


def modules(distributions: Iterable[Distribution]) -> dict[str, list[Distribution]]:
    """Return {dotted name of a module: its distributions}."""
    owners_of: dict[str, list[Distribution]] = {}
    for distribution in distributions:
        for name in {module_of(file) for file in distribution.files} - {""}:
            owners_of.setdefault(name, []).append(distribution)
    return owners_of


def module_of(file: str) -> str:
    """Return the dotted module name of `file` in site-packages, or "" for any other file."""
    _, separator, module_path = file.rpartition("/site-packages/")
    name, dot, suffix = module_path.partition(".")
    if suffix not in ("py", "so") and not (suffix.startswith(("cpython-", "abi3.")) and suffix.endswith("so")):
        return ""
    return name.removesuffix("/__init__").replace("/", ".") if separator and dot else ""


def entry_points(distribution: Distribution) -> set[str]:
    """Return the modules that the entry points of `distribution` name, without console and GUI scripts."""
    infos = (metadata.PathDistribution(Path(file).parent) for file in distribution.files if file.endswith(_ENTRIES))
    return {
        entry_point.module for info in infos for entry_point in info.entry_points if entry_point.group not in _PROGRAMS
    }


def is_module(file: str) -> bool:
    """Return whether `file` can be imported under its name: source, bytecode or extension module."""
    return file.endswith((".py", ".pyc")) or (file.endswith(".so") and any(tag in file for tag in _TAGS))


def is_metadata(file: str) -> bool:
    """Return whether `file` is a distribution's metadata, or a .pth file, which runs at every start of Python."""
    return file.endswith(".pth") or any(part.endswith(_METADATA) for part in file.split("/"))


def is_shared_object(file: str) -> bool:
    """Return whether `file` is a shared object, which the dynamic loader reads."""
    return bool(_SHARED.search(file))


def bytecode_of(source: str) -> Iterator[str]:
    """Yield the .pyc files of the module `source` in the `__pycache__` next to it."""
    folder, name = os.path.split(source)
    stem = name.removesuffix("py")
    try:
        names = os.listdir(os.path.join(folder, "__pycache__"))
    except OSError:
        return
    for cached in sorted(names):
        if cached.startswith(stem) and cached.endswith(".pyc"):
            yield os.path.join(folder, "__pycache__", cached)


def _described(name: str, info: metadata.Distribution) -> Distribution:
    files = set()
    for file in info.files or ():
        path = os.path.normpath(str(info.locate_file(file)))
        files.add(path)
        if path.endswith(".py"):
            # Few installers list bytecode compiled after the installation in RECORD.
            files.update(bytecode_of(path))
    existing = sorted(file for file in files if os.path.isfile(file))
    size = sum(os.lstat(file).st_size for file in existing)
    native = any(map(is_shared_object, existing))
    return Distribution(name, info.version, tuple(existing), size, native, tuple(info.requires or ()))
