"""What a git checkout says of itself: its commit, and where it was cloned from.

git is asked where it is installed. In the image it is not, and s2i brings `.git` only if it is told to
(`s2i build --exclude ''`): such a fresh clone is read as gitrepository-layout(5) describes it.
"""

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def commit(repository: Path) -> str:
    """Return the hash of the commit that is checked out in `repository`, or "" where none is to be read."""
    if shutil.which("git"):
        return _git(repository, "rev-parse", "HEAD")
    head = _text(repository / ".git" / "HEAD")
    name = head.removeprefix("ref: ")
    found = head if name == head else _text(repository / ".git" / name) or _packed(repository, name)
    return found if _HASH.fullmatch(found) else ""


def last_commit(repository: Path, name: Path) -> str:
    """Return when the file `name` was last committed, in ISO 8601; "" where git is not there or does not know it."""
    if not shutil.which("git"):
        return ""
    return _git(repository, "log", "-1", "--format=%cI", "--", str(name))


def is_shallow(repository: Path) -> bool:
    """Return whether `repository` is a clone without its history."""
    return (repository / ".git" / "shallow").is_file()


def origin(repository: Path) -> str:
    """Return the address that `repository` was cloned from, or "" where none is to be read."""
    if shutil.which("git"):
        return _git(repository, "remote", "get-url", "origin")
    config = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        config.read_string(_text(repository / ".git" / "config"))
    except configparser.Error:
        return ""
    return config.get('remote "origin"', "url", fallback="") or ""


def _packed(repository: Path, name: str) -> str:
    """Return the hash of reference `name` in packed-refs, whose lines are `hash name`."""
    lines = _text(repository / ".git" / "packed-refs").splitlines()
    return next((line.split(" ")[0] for line in lines if line.endswith(f" {name}")), "")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else ""


def _git(repository: Path, *words: str) -> str:
    """Return what git says of a repository that is a checkout of its own, or ""."""
    if not (repository / ".git").exists():
        return ""
    # A checkout of another owner is nothing to be afraid of here: nothing of it is run.
    command = ["git", "-c", f"safe.directory={os.path.realpath(repository)}", "-C", str(repository), *words]
    ran = subprocess.run(command, capture_output=True, text=True)
    return ran.stdout.strip() if ran.returncode == 0 else ""
