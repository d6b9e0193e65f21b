"""Metadata of a git checkout: its commit, and the URL that it was cloned from.

If git is installed and the checkout belongs to this user, git is called. The image has no git, and s2i uploads `.git`
only on demand (`s2i build --exclude ''`); then we read the files that gitrepository-layout(5) describes.
"""

import configparser
import os
import re
from collections.abc import Sequence
from pathlib import Path

from nb_builder.common import inside
from nb_builder.repository import git

_MAX_SIZE = 1 << 20
_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def commit(repository: Path) -> str:
    """Return the hash of the commit that is checked out in `repository`, or "" if it can't be read."""
    known = _git(repository, "rev-parse", "HEAD")
    if known:
        return known
    head = _text(repository, "HEAD")
    name = head.removeprefix("ref: ")
    hexdigest = head if name == head else _text(repository, name) or _packed(repository, name)
    return hexdigest if _HASH.fullmatch(hexdigest) else ""


def last_commit(repository: Path, name: Path) -> str:
    """Return when the file `name` was last committed, in ISO 8601; "" without git or for an untracked file."""
    return _git(repository, "log", "-1", "--format=%cI", "--", str(name))


def uncommitted(repository: Path) -> list[str]:
    """Return the files of `repository` that differ from its commit, including new ones; [] if git can't list them."""
    # Each is a two-letter state, a space and a path; for a renamed file, the old path is a separate field.
    fields = iter(
        _git(
            repository,
            "status",
            "--porcelain",
            "-z",
            "--untracked-files=all",
            "--ignore-submodules=all",
            limit=git.LONG_LIMIT,
        ).split("\0")
    )
    paths = []
    for field in fields:
        if field[2:3] == " ":
            paths.append(field[3:])
            if field[0] in "RC":
                next(fields, None)
    return paths


def tracked(repository: Path, names: Sequence[str]) -> set[str]:
    """Return the `names`, paths below `repository`, that its commit contains; none if git can't determine them."""
    return set(_git(repository, "ls-tree", "--name-only", "-z", "HEAD", "--", *names).split("\0")) - {""}


def is_shallow(repository: Path) -> bool:
    """Return whether `repository` is a clone without its history."""
    return os.path.isfile(repository / ".git" / "shallow")


def origin(repository: Path) -> str:
    """Return the URL that `repository` was cloned from, or "" if it can't be read."""
    known = _git(repository, "remote", "get-url", "origin")
    if known:
        return known
    config = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        config.read_string(_text(repository, "config"))
    except configparser.Error:
        return ""
    return config.get('remote "origin"', "url", fallback="") or ""


def _packed(repository: Path, name: str) -> str:
    """Return the hash of reference `name` in packed-refs, whose lines are `hash name`."""
    lines = _text(repository, "packed-refs").splitlines()
    return next((line.split(" ")[0] for line in lines if line.endswith(f" {name}")), "")


def _text(repository: Path, name: str) -> str:
    """Return the text of a file in .git; "" for a link, anything else that isn't a file, or a name outside .git."""
    path = repository / ".git" / name
    if os.path.islink(path) or not os.path.isfile(path) or inside.unreadable_reason(path, repository / ".git"):
        return ""
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(_MAX_SIZE).strip()


def _git(repository: Path, *arguments: str, limit: float = 0) -> str:
    """Return the output of git for a repository that is the top of a checkout, "" for others and for errors."""
    if not os.path.exists(repository / ".git"):
        return ""
    return git.facts(repository, *arguments, top=repository, limit=limit) or ""
