"""Parses requirement lines as pip does, and makes every path in them absolute.

The cell's list and requirements.txt may have the same entries: packages, paths, git repositories, and options that
include other files or name indexes. uv and pip read the result in any working directory.
"""

import argparse
import os
import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from nb_builder.problems.packages import GitMissing, RequirementIsOption, RequirementsMalformed
from nb_builder.repository import ordinary_files
from nb_builder.requirements.index_options import IndexOptions
from nb_builder.requirements.logical_lines import logical
from nb_builder.requirements.sources import requirements_txt
from nb_builder.requirements.sources.declaration import Packages, Unreadable

# A requirement is a name, versions and a marker, or an address.
MAX_LENGTH = 4000
_OF_FILES = ("file:", "git+file:")
# The name of the cell's list in messages.
CELL = "'requirements'"
PROJECT = ("pyproject.toml", "setup.py")
_ARCHIVES = (".whl", ".tar.gz", ".zip")
_NAME = r"[A-Za-z0-9][\w.-]*"
# `name @ place`; also `name==./place`, which the cell's pair of name and place becomes.
_NAMED = re.compile(rf"({_NAME}(?:\s*\[[^]]*\])?)\s*(?:==\s*@?|@)\s*(\S.*)")
_EXTRAS = re.compile(r"\[[\w., -]+\]$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
# An address in a line of a lock.
_DIRECT = re.compile(r"(?:^|[\s@])((?:\w{1,9}\+)?[a-z]{2,9}://\S+)")
_OTHER_VCS = re.compile(r"(hg|svn|bzr)\+")


@dataclass(frozen=True)
class Origin:
    """The origin of lines: a file or the cell's list, the folders that paths are relative to, the repository's top.

    `within` is its name ("requirements.txt"), `count` the noun for an entry ("line"), `home` the file to correct. With
    `strict`, a line that is not a requirement is rejected here; otherwise it is left to the installer, which accepts
    more forms.
    """

    within: str
    count: str
    home: str
    folders: tuple[Path, ...]
    top: Path
    strict: bool = False

    def where(self, number: int) -> str:
        """Return the name of one line, such as "requirements.txt (line 3)"."""
        return f"{self.within} ({self.count} {number})"


@dataclass(frozen=True)
class Asked:
    """The content of lines: entries and constraints with absolute paths, and the options for indexes.

    `folders` are the folders of the repository that are built and installed; `notes` are for the log.
    """

    lines: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    options: IndexOptions = field(default_factory=IndexOptions)
    folders: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()

    def __add__(self, other: "Asked") -> "Asked":
        """Return the content of both, each line once."""
        return Asked(
            _once(self.lines + other.lines),
            _once(self.constraints + other.constraints),
            self.options + other.options,
            _once(self.folders + other.folders),
            _once(self.notes + other.notes),
        )


class _Options(argparse.ArgumentParser):
    """Parses a line that starts with an option; unlisted options are rejected."""

    def __init__(self) -> None:
        super().__init__(add_help=False, allow_abbrev=False)
        for names in (
            ("-r", "--requirement"),
            ("-c", "--constraint"),
            ("-e", "--editable"),
            ("--extra-index-url",),
            ("-f", "--find-links"),
            ("--trusted-host",),
            ("--only-binary",),
            ("--no-binary",),
        ):
            self.add_argument(*names, action="append", default=[])
        self.add_argument("-i", "--index-url", "--pypi-url", default="")
        # The last two have no effect, because every build locks with digests, and prefers wheels.
        for name in ("--no-index", "--pre", "--require-hashes", "--prefer-binary"):
            self.add_argument(name, action="store_true")

    def error(self, message: str) -> NoReturn:
        """Raise ValueError, where argparse would exit; the caller turns it into a problem."""
        raise ValueError(message)


_OPTIONS = _Options()


def read(lines: Sequence[tuple[int, str]], origin: Origin, seen: frozenset[Path] = frozenset()) -> Asked:
    """Return the content of numbered `lines`; `seen` are the files that include them, to detect cycles.

    Raises RequirementsMalformed, RequirementIsOption or GitMissing.
    """
    parts = [
        _option(line, number, origin, seen) if line.startswith("-") else _entry(line, number, origin)
        for number, line in lines
    ]
    return Asked() + _sum(parts)


def read_file(path: Path, top: Path, seen: frozenset[Path] = frozenset()) -> Asked:
    """Return the content of a requirements file of the repository, including the files that it names with -r and -c.

    Raises Unreadable as well.
    """
    name = os.path.relpath(path, top)
    packages = requirements_txt.read(path)
    asked = of_packages(name, packages, top, seen)
    return asked + Asked(notes=tuple(f"{name}: {note}." for note in packages.notes))


def of_packages(file: str, packages: Packages, top: Path, seen: frozenset[Path] = frozenset()) -> Asked:
    """Return the content of the repository's `file` from its parsed `packages`; their notes are left to the caller."""
    path = top / file
    origin = Origin(file, "line" if packages.numbers else "entry", file, (path.parent, top), top)
    asked = read(packages.numbered(), origin, seen | {path.resolve()})
    return asked + Asked(constraints=packages.constraints)


def options_of(path: Path, top: Path) -> IndexOptions:
    """Return the options in a lock of the repository; lock_file parses its packages. Raises FileEncoding as well."""
    lines = list(logical(ordinary_files.text(path, top)))
    name = os.path.relpath(path, top)
    origin = Origin(name, "line", name, (path.parent, top), top)
    options = [(number, line) for number, line in lines if line.startswith("-")]
    direct = [
        Asked(options=IndexOptions(where=origin.where(number), direct=(match[1],)))
        for number, line in lines
        if not line.startswith("-") and (match := _DIRECT.search(line)) and not match[1].startswith(_OF_FILES)
    ]
    return (read(options, origin, frozenset({path.resolve()})) + _sum(direct)).options


def _once(items: tuple) -> tuple:
    return tuple(dict.fromkeys(items))


def _sum(parts: Sequence[Asked]) -> Asked:
    """Return the combined content of all parts, added in halves so that lines aren't copied once per part."""
    if len(parts) < 2:
        return parts[0] if parts else Asked()
    middle = len(parts) // 2
    return _sum(parts[:middle]) + _sum(parts[middle:])


def _malformed(origin: Origin, number: int, reason: str) -> RequirementsMalformed:
    return RequirementsMalformed(reason=f"{origin.where(number)}: {reason}", notebook=origin.home)


def _option(line: str, number: int, origin: Origin, seen: frozenset[Path]) -> Asked:
    try:
        values, rest = _OPTIONS.parse_known_args(shlex.split(line))
    except ValueError:
        rest = [line]
    if rest:
        raise RequirementIsOption(where=origin.where(number), entry=line)
    asked = Asked(
        options=IndexOptions(
            where=origin.where(number),
            index=_expanded(values.index_url),
            extra=tuple(_expanded(url) for url in values.extra_index_url),
            links=tuple(_link(_expanded(link), origin) for link in values.find_links),
            written=_written((values.index_url, *values.extra_index_url, *values.find_links)),
            trusted=tuple(values.trusted_host),
            only_binary=tuple(values.only_binary),
            no_binary=tuple(values.no_binary),
            no_index=values.no_index,
            pre=values.pre,
        )
    )
    for target in values.editable:
        # Installed as a copy rather than a link: the service must not change with the repository, and a slim image must
        # contain the package.
        asked += _entry(target, number, origin)
    for name in values.requirement:
        asked += _included(name, number, origin, seen)
    for name in values.constraint:
        included = _included(name, number, origin, seen)
        asked += Asked(
            constraints=included.lines + included.constraints, options=included.options, notes=included.notes
        )
    return asked


def _included(name: str, number: int, origin: Origin, seen: frozenset[Path]) -> Asked:
    """Return the content of an included file of the repository; empty if it is already being read."""
    path = _local(name, origin)
    if path is not None and not _is_inside(path, origin.top):
        raise _malformed(origin, number, f"it includes {name!r}, which is outside the repository")
    if path is not None:
        ordinary_files.require(path, origin.top)
    if path is None or not os.path.isfile(path):
        raise _malformed(origin, number, f"the repository has no file {name!r}")
    try:
        return Asked() if path.resolve() in seen else read_file(path, origin.top, seen)
    except Unreadable as error:
        raise _malformed(origin, number, f"{name!r} can't be read: {error}") from None


def _entry(line: str, number: int, origin: Origin) -> Asked:
    """Return the content of one package, path or address."""
    text, hashes = requirement_and_options(line)
    if len(text) > MAX_LENGTH:
        raise _malformed(origin, number, f"{text[:40]!r}… has {len(text)} characters, and the limit is {MAX_LENGTH}")
    text, marker = [*re.split(r"\s;|;\s", text, maxsplit=1), ""][:2]
    text = text.rstrip()
    match = _NAMED.fullmatch(text)
    name, target = match.groups() if match else ("", text)
    if not _is_address(target):
        return Asked((_requirement(line, number, origin),))
    target, folders = _address(target, number, origin)
    options = IndexOptions(where=origin.where(number), direct=() if target.startswith(_OF_FILES) else (target,))
    name = name or _name_of_wheel(target, number, origin)
    entry = f"{name} @ {target}" if name else target
    entry += f" ; {marker.strip()}" if marker else ""
    return Asked((f"{entry} {hashes}".strip(),), folders=folders, options=options)


def requirement_and_options(line: str) -> tuple[str, str]:
    """Return the requirement in a line, and the options after it, such as --hash, or ""."""
    # A run of spaces becomes a single one, because the expression would scan the rest of a long run for each space.
    text, *rest = re.split(r"\s(?=--)", line, maxsplit=1)
    return text.rstrip(), "".join(rest)


def _requirement(line: str, number: int, origin: Origin) -> str:
    """Return a line that names a package unchanged; raise RequirementsMalformed in a strict origin."""
    try:
        Requirement(requirement_and_options(line)[0])
    except InvalidRequirement as error:
        if origin.strict:
            reason = str(error).strip().splitlines()[0]
            raise _malformed(origin, number, f"{line!r} is not a requirement ({reason})") from None
    return line


def _is_address(target: str) -> bool:
    """Return whether `target` is a path or an address, as opposed to a version or a name."""
    bare, _ = _without_extras(target.split("#", maxsplit=1)[0])
    return "://" in target or re.match(r"(file|\w+\+\w+):", target) is not None or _is_path(bare)


def _without_extras(target: str) -> tuple[str, str]:
    """Return (a path or an address, the extras after it in their brackets)."""
    match = _EXTRAS.search(target)
    return (target[: match.start()], match[0]) if match else (target, "")


def _is_path(bare: str) -> bool:
    return bare in (".", "..") or "/" in bare.split(" ", maxsplit=1)[0] or bare.endswith(_ARCHIVES)


def _address(target: str, number: int, origin: Origin) -> tuple[str, tuple[Path, ...]]:
    """Return `target` as an absolute address, and the folder to build if it is one."""
    if _OTHER_VCS.match(target):
        raise _malformed(origin, number, f"{target!r}: git is the only supported version control system")
    if target.startswith("git+"):
        return _git(target, number, origin), ()
    if "://" in target and not target.startswith("file:"):
        return target, ()
    bare, mark, fragment = target.partition("#")
    bare, extras = _without_extras(bare)
    path = _local(bare, origin)
    if path is None:
        raise _malformed(origin, number, f"the repository has no file or folder {bare!r}")
    uri = path.as_uri() + extras + mark + fragment
    if not os.path.isdir(path):
        return uri, ()
    if not _is_project(path):
        raise _malformed(origin, number, f"{bare!r} is not a Python project: it has no {' and no '.join(PROJECT)}")
    return uri, (path,)


def _git(target: str, number: int, origin: Origin) -> str:
    if shutil.which("git") is None:
        raise GitMissing(where=origin.where(number), entry=target)
    if not target.startswith("git+file:"):
        return target
    bare, mark, fragment = target.removeprefix("git+").partition("#")
    # A branch or commit may follow an @, but a path may contain an @ as well, so the whole is tried first.
    location, at, revision = bare.rpartition("@")
    for candidate, suffix in ((bare, ""), (location, at + revision)):
        path = _local(candidate, origin) if candidate else None
        if path is not None:
            return f"git+{path.as_uri()}{suffix}{mark}{fragment}"
    raise _malformed(origin, number, f"the repository contains no git repository {bare.removeprefix('file:')!r}")


def _local(name: str, origin: Origin) -> Path | None:
    """Return the path that `name`, a path or a file URL, refers to; None if it doesn't exist.

    A relative one must be inside the repository.
    """
    text = _path_of(name) if name.startswith("file:") else name
    if "://" in text:
        return None
    if os.path.isabs(text):
        return Path(text) if os.path.exists(text) else None
    candidates = [Path(os.path.normpath(folder / text)) for folder in origin.folders]
    top = Path(os.path.normpath(origin.top))
    inside = [path for path in candidates if os.path.exists(path) and (path == top or top in path.parents)]
    # For a notebook below the top, `.` may mean the top: pip resolves paths from where it is called.
    return next((path for path in inside if _is_project(path)), inside[0] if inside else None)


def _is_inside(path: Path, top: Path) -> bool:
    """Return whether a path, as written, is below the repository's top."""
    normal, above = Path(os.path.normpath(path)), Path(os.path.normpath(top))
    return above == normal or above in normal.parents


def _path_of(url: str) -> str:
    parts = urlsplit(url)
    return unquote(parts.path) if url.startswith("file:/") else unquote(url.removeprefix("file:"))


def _is_project(path: Path) -> bool:
    return any(os.path.isfile(path / name) for name in PROJECT)


def _link(link: str, origin: Origin) -> str:
    """Return an entry of --find-links: a folder or file of the repository as a file URL, anything else unchanged."""
    path = None if "://" in link and not link.startswith("file:") else _local(link, origin)
    return path.as_uri() if path else link


def _name_of_wheel(target: str, number: int, origin: Origin) -> str:
    """Return the distribution's name in a wheel's file name; "" for anything else, whose metadata installers read."""
    file = target.split("#", maxsplit=1)[0].rpartition("/")[2]
    if not file.endswith(".whl"):
        return ""
    try:
        return parse_wheel_filename(unquote(file))[0]
    except InvalidWheelFilename as error:
        raise _malformed(origin, number, str(error)) from None


def _written(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return (address, text as written) of addresses with variables, whose values must not be shown."""
    return tuple((_expanded(text), text) for text in texts if _expanded(text) != text)


def _expanded(text: str) -> str:
    """Return `text` with ${VARIABLES} of the environment expanded, as pip does; unknown ones stay."""
    return _VARIABLE.sub(lambda match: os.environ.get(match[1], match[0]), text)
