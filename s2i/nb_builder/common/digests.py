"""Digests of files, folders and values, to detect changes."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from nb_scorer.common import paths
from nb_scorer.common.digests import sha256_of

# Mode, size, mtime, ctime and inode: any change of a file's content or mode changes at least one of these.
State = tuple[int, int, int, int, int]


def state(path: Path) -> State:
    """Return a value that differs after any change of a file, or of a link itself, without reading it."""
    status = path.lstat()
    return status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return sha256_of(path)


def digests(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return {name: SHA-256} for the files in `names` below `folder` that exist."""
    return {name: digest(folder / name) for name in sorted(names) if (folder / name).is_file()}


def all_files(folder: Path) -> list[str]:
    """Return every file below `folder`, relative to it, without Python's caches."""
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sorted(str(path.relative_to(folder)) for path in files)


def tree(folder: Path) -> str:
    """Return one SHA-256 for the names and contents of the files below `folder`.

    git's own files, caches, notebooks and the lock are left out: they are next to a package's code but not part of it,
    and a lock can't contain its own digest.
    """
    names = [name for name in all_files(folder) if not _is_next_to_package(Path(name))]
    return fingerprint(digests(folder, names))


def _is_next_to_package(path: Path) -> bool:
    return ".git" in path.parts or path.suffix == ".ipynb" or path.name == paths.LOCK


def fingerprint(facts: Mapping[str, object]) -> str:
    """Return one SHA-256 for a mapping of plain values."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
