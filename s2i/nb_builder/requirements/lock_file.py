"""The lock: what an installer resolved, written so that it is valid in any folder, and parsed again for installing.

An installer locks packages by version and digests, and a git repository by its full commit. A folder of the repository
has neither; the lock has the digest of its content, and its path from the top: `name @ file:./lib#sha256=…`.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from packaging.utils import canonicalize_name

from nb_builder.common import digests
from nb_builder.problems.packages import LockOutdated, RequirementsMalformed
from nb_builder.requirements.logical_lines import logical
from nb_builder.requirements.pip_config import without_credentials

_ABSOLUTE = re.compile(r"(?:^|(?<=\s))(?:file://)?(/[^\s#;]+)", re.MULTILINE)
_RELATIVE = re.compile(r"(?:^|(?<=\s))file:(?!/)([^\s#;]+)(?:#sha256=([0-9a-f]{64}))?")
_DIGEST = re.compile(r"--hash[=\s]\S+")
_COMMIT = re.compile(r"git\+\S+@[0-9a-f]{40}(?:[0-9a-f]{24})?(?=[#\s]|$)")


@dataclass(frozen=True)
class Locked:
    """A parsed lock: `digested` are the lines with digests, `sources` those of packages built from source.

    They are separate because an installer that checks digests rejects lines without them.
    """

    digested: tuple[str, ...]
    sources: tuple[str, ...]


def public(text: str, src: Path) -> str:
    """Return an installer's resolution in the lock's form: no passwords, paths from `src`, folders by digest."""
    return without_credentials(_ABSOLUTE.sub(lambda match: _from_top(match, src), text), instead="")


def pinned(text: str, lines: Iterable[str]) -> str:
    """Return an installer's resolution, with the digests in the author's `lines` instead of the index's.

    A resolver accepts all digests that the index has; an author who lists some wants exactly these files.
    """
    digests_by_name = {_name(line): _DIGEST.findall(line) for line in lines if _DIGEST.search(line)}
    entries = []
    for _, entry in logical(text):
        digests = digests_by_name.get(_name(entry)) if _DIGEST.search(entry) else None
        entries.append(" ".join([_DIGEST.sub("", entry).strip(), *digests]) if digests else entry)
    return "".join(f"{entry}\n" for entry in entries) if digests_by_name else text


def _name(line: str) -> str:
    return canonicalize_name(re.split(r"[^\w.-]", line, maxsplit=1)[0])


def parse(text: str, src: Path, name: str) -> Locked:
    """Return the lines of a lock for installing; options are left out, because they apply to the whole build.

    `name` is the lock's, for messages. Raises LockOutdated if a folder below `src` is not the one that was locked, and
    RequirementsMalformed if a git repository is not locked by a commit, or a line contains a NUL character.
    """
    digested, sources = [], []
    for number, line in logical(text):
        if line.startswith("-"):
            continue
        if "\0" in unquote(line):
            reason = f"{name} (line {number}): {line!r} contains a NUL character"
            raise RequirementsMalformed(reason=reason, notebook=name)
        resolved = _RELATIVE.sub(lambda match: _absolute(match, src, name), line)
        if "--hash" in line:
            digested.append(resolved)
        elif "git+" in line and not _COMMIT.search(line):
            reason = f"{name} (line {number}): {line!r} has no full commit, which a lock needs"
            raise RequirementsMalformed(reason=reason, notebook=name)
        elif "git+" in line or _is_folder(resolved):
            sources.append(resolved)
        else:
            # The line has no digest, so the installer rejects it with its own message.
            digested.append(resolved)
    return Locked(tuple(digested), tuple(sources))


def _from_top(match: re.Match, src: Path) -> str:
    path = Path(unquote(match[1]))
    if path != src and src not in path.parents:
        return match[0]
    short = "file:./" + quote(str(path.relative_to(src))) if path != src else "file:."
    return f"{short}#sha256={digests.tree(path)}" if os.path.isdir(path) else short


def _absolute(match: re.Match, src: Path, name: str) -> str:
    path = Path(os.path.realpath(src / unquote(match[1])))
    if not path.is_relative_to(os.path.realpath(src)):
        reason = f"{name}: {unquote(match[1])!r} is outside the repository"
        raise RequirementsMalformed(reason=reason, notebook=name)
    digest = digests.tree(path) if os.path.isdir(path) else ""
    if match[2] and match[2] != digest:
        has = f"one with the digest {match[2][:12]}…"
        requirement = f"the folder {unquote(match[1])!r} (digest {digest[:12] or 'none: it is missing'}…)"
        raise LockOutdated(requirement=requirement, has=has, lock=name)
    return path.as_uri()


def _is_folder(line: str) -> bool:
    match = _ABSOLUTE.search(line)
    return match is not None and os.path.isdir(unquote(match[1]))
