"""Where a build comes from: the commit, the source, and digests of what went into it."""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from nb_builder.pip_settings import without_credentials


def of(repository: Path, commit: str | None, source: str | None) -> dict[str, str]:
    """Return {"commit": …, "source": …} as far as they are known, without credentials.

    What the settings say counts; else git is asked. s2i uploads no .git, and tells the commit only in
    labels that nobody inside the image can see.
    """
    found = {
        "commit": commit or _git(repository, "rev-parse", "HEAD"),
        "source": source or _git(repository, "remote", "get-url", "origin"),
    }
    return {name: without_credentials(value, instead="") for name, value in found.items() if value}


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digests(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return {name: SHA-256} for the files `names` below `folder` that are there."""
    return {name: digest(folder / name) for name in sorted(names) if (folder / name).is_file()}


def all_files(folder: Path) -> list[str]:
    """Return every file below `folder`, relative to it, caches left out."""
    paths = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sorted(str(path.relative_to(folder)) for path in paths)


def fingerprint(facts: Mapping[str, object]) -> str:
    """Return one SHA-256 for a mapping of plain values."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def _git(repository: Path, *words: str) -> str:
    """Return what git says of a repository that is a checkout of its own, or ""."""
    if not (repository / ".git").exists():
        return ""
    # A checkout of another owner is nothing to be afraid of here: nothing of it is run.
    command = ["git", "-c", f"safe.directory={os.path.realpath(repository)}", "-C", str(repository), *words]
    try:
        ran = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""
