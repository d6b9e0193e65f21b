"""What a virtual environment holds: its distributions, and which file belongs to which of them."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.utils import canonicalize_name

# libgomp.so.1 and _ctypes.cpython-311-x86_64-linux-gnu.so alike.
_SHARED = re.compile(r"\.so(\.\d+)*$")
_TAGS = (".cpython-", ".abi3.")
_ENTRIES = ".dist-info/entry_points.txt"
_PROGRAMS = ("console_scripts", "gui_scripts")
_METADATA = (".dist-info", ".egg-info")


@dataclass(frozen=True)
class Distribution:
    """One installed distribution; `files` are absolute paths that exist, bytecode and metadata included.

    `name` is normalised as the index has it (`python-dateutil`), `native` says whether it has shared objects,
    `requires` are its declared requirements as PEP 508 writes them.
    """

    name: str
    version: str
    files: tuple[str, ...]
    bytes: int
    native: bool
    requires: tuple[str, ...] = ()


def installed(venv: Path) -> tuple[Distribution, ...]:
    """Return the distributions of `venv` by their RECORD files, the biggest first.

    Paths are real ones (no symbolic links on the way), of files that are there. One without a list of
    files is left out: nobody can say what belongs to it.
    """
    found: dict[str, Distribution] = {}
    for folder in site_packages(venv):
        for each in metadata.distributions(path=[folder]):
            name = canonicalize_name(each.name or "")
            if name and each.files and name not in found:
                found[name] = _described(name, each)
    return tuple(sorted(found.values(), key=lambda one: (-one.bytes, one.name)))


def site_packages(venv: Path) -> list[str]:
    """Return the folders of `venv` that hold packages, by their real paths."""
    folders = [*venv.glob("lib/python*/site-packages"), *venv.glob("lib64/python*/site-packages")]
    return sorted({os.path.realpath(folder) for folder in folders})


def owners(held: Iterable[Distribution]) -> dict[str, list[Distribution]]:
    """Return {file: its distributions}: most have one, the `__init__.py` of a shared package may have several."""
    found: dict[str, list[Distribution]] = {}
    for distribution in held:
        for file in distribution.files:
            found.setdefault(file, []).append(distribution)
    return found


def modules(held: Iterable[Distribution]) -> dict[str, list[Distribution]]:
    """Return {dotted name of a module: the distributions that have it}."""
    found: dict[str, list[Distribution]] = {}
    for distribution in held:
        for name in {module_of(file) for file in distribution.files} - {""}:
            found.setdefault(name, []).append(distribution)
    return found


def module_of(file: str) -> str:
    """Return the dotted name of the module that `file` of a site-packages holds; "" for all else."""
    _, inside, inner = file.rpartition("/site-packages/")
    name, dot, suffix = inner.partition(".")
    if suffix not in ("py", "so") and not (suffix.startswith(("cpython-", "abi3.")) and suffix.endswith("so")):
        return ""
    return name.removesuffix("/__init__").replace("/", ".") if inside and dot else ""


def entry_points(distribution: Distribution) -> set[str]:
    """Return the modules that the entry points of `distribution` name, those of programs left out."""
    found = (metadata.PathDistribution(Path(file).parent) for file in distribution.files if file.endswith(_ENTRIES))
    return {each.module for told in found for each in told.entry_points if each.group not in _PROGRAMS}


def is_module(file: str) -> bool:
    """Return whether `file` is there to be imported under its name: source, bytecode or extension module."""
    return file.endswith((".py", ".pyc")) or (file.endswith(".so") and any(tag in file for tag in _TAGS))


def is_metadata(file: str) -> bool:
    """Return whether `file` only tells of a distribution, or starts something at every start of Python."""
    return file.endswith(".pth") or any(part.endswith(_METADATA) for part in file.split("/"))


def is_shared_object(file: str) -> bool:
    """Return whether the loader of the operating system reads `file`."""
    return bool(_SHARED.search(file))


def bytecode_of(source: str) -> Iterator[str]:
    """Yield the compiled forms of the module `source` that are beside it."""
    folder, name = os.path.split(source)
    begin = name.removesuffix("py")
    try:
        beside = os.listdir(os.path.join(folder, "__pycache__"))
    except OSError:
        return
    for compiled in sorted(beside):
        if compiled.startswith(begin) and compiled.endswith(".pyc"):
            yield os.path.join(folder, "__pycache__", compiled)


def _described(name: str, told: metadata.Distribution) -> Distribution:
    files = set()
    for file in told.files or ():
        path = os.path.normpath(str(told.locate_file(file)))
        files.add(path)
        if path.endswith(".py"):
            # Few installers write down what was compiled after them.
            files.update(bytecode_of(path))
    there = sorted(file for file in files if os.path.isfile(file))
    size = sum(os.lstat(file).st_size for file in there)
    native = any(map(is_shared_object, there))
    return Distribution(name, told.version, tuple(there), size, native, tuple(told.requires or ()))
