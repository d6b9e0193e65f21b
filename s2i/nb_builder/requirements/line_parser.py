"""The lines of requirements, as pip reads them: what each asks for, with every path made absolute.

The cell's list and requirements.txt may say the same things: packages, paths, git repositories, and options that
draw in other files or name indexes. What comes out is read by uv and pip alike, whatever folder they run in.
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

from nb_builder.problems.requirements import GitMissing, RequirementIsOption, RequirementsMalformed
from nb_builder.requirements.index_options import IndexOptions
from nb_builder.requirements.logical_lines import logical
from nb_builder.requirements.sources import requirements_txt
from nb_builder.requirements.sources.base import Said, Unreadable

# What messages call the cell's list.
CELL = "'requirements'"
PROJECT = ("pyproject.toml", "setup.py")
_ARCHIVES = (".whl", ".tar.gz", ".zip")
_NAME = r"[A-Za-z0-9][\w.-]*"
# `name @ place`; also `name==./place`, which the cell's pair of name and place becomes.
_NAMED = re.compile(rf"({_NAME}(?:\s*\[[^]]*\])?)\s*(?:==\s*@?|@)\s*(\S.*)")
_EXTRAS = re.compile(r"\[[\w., -]+\]$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_OTHER_VCS = re.compile(r"(hg|svn|bzr)\+")


@dataclass(frozen=True)
class Place:
    """Where lines stand: a file or the cell's list, the folders that their paths begin at, the repository's top.

    `within` names it ("requirements.txt"), `count` what it is made of ("line"), `home` where to correct it. With
    `strict` a line that is no requirement is refused here; else the installer, which takes more, is to judge it.
    """

    within: str
    count: str
    home: str
    folders: tuple[Path, ...]
    top: Path
    strict: bool = False

    def words(self, number: int) -> str:
        """Return the words for one line, such as "requirements.txt (line 3)"."""
        return f"{self.within} ({self.count} {number})"


@dataclass(frozen=True)
class Asked:
    """What lines ask for: entries and constraints that can be read from any folder, and where packages come from.

    `folders` are the folders of the repository that are built and installed; `notes` is what users should know.
    """

    lines: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    options: IndexOptions = field(default_factory=IndexOptions)
    folders: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()

    def __add__(self, other: "Asked") -> "Asked":
        """Return what both ask for, each line once."""
        return Asked(
            _once(self.lines + other.lines),
            _once(self.constraints + other.constraints),
            self.options + other.options,
            _once(self.folders + other.folders),
            _once(self.notes + other.notes),
        )


class _Options(argparse.ArgumentParser):
    """Parses a line that begins with an option; those that are not listed here are refused."""

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
        # The last two change nothing here: every build locks by digests, and takes wheels where there are some.
        for name in ("--no-index", "--pre", "--require-hashes", "--prefer-binary"):
            self.add_argument(name, action="store_true")

    def error(self, message: str) -> NoReturn:
        """Raise what the caller turns into a problem."""
        raise ValueError(message)


_OPTIONS = _Options()


def read(lines: Sequence[tuple[int, str]], place: Place, seen: frozenset[Path] = frozenset()) -> Asked:
    """Return what numbered `lines` ask for; `seen` are the files on the way here.

    Raises RequirementsMalformed, RequirementIsOption or GitMissing.
    """
    asked = Asked()
    for number, line in lines:
        asked += _option(line, number, place, seen) if line.startswith("-") else _entry(line, number, place)
    return asked


def read_file(path: Path, top: Path, seen: frozenset[Path] = frozenset()) -> Asked:
    """Return what a requirements file of the repository asks for, the files that it draws in included.

    Raises Unreadable as well.
    """
    name = os.path.relpath(path, top)
    said = requirements_txt.read(path)
    asked = of_said(name, said, top, seen)
    return asked + Asked(notes=tuple(f"{name}: {note}." for note in said.notes))


def of_said(file: str, said: Said, top: Path, seen: frozenset[Path] = frozenset()) -> Asked:
    """Return what the repository's `file` asks for, by what a reader has made of it; its notes are the caller's."""
    path = top / file
    place = Place(file, "line" if said.numbers else "entry", file, (path.parent, top), top)
    asked = read(said.numbered(), place, seen | {path.resolve()})
    return asked + Asked(constraints=said.constraints)


def options_of(path: Path, top: Path) -> IndexOptions:
    """Return the options of a lock of the repository; its packages are another matter."""
    lines = [(number, line) for number, line in logical(path.read_text(encoding="utf-8-sig")) if line.startswith("-")]
    name = os.path.relpath(path, top)
    return read(lines, Place(name, "line", name, (path.parent, top), top), frozenset({path.resolve()})).options


def _once(items: tuple) -> tuple:
    return tuple(dict.fromkeys(items))


def _malformed(place: Place, number: int, reason: str) -> RequirementsMalformed:
    return RequirementsMalformed(reason=f"{place.words(number)}: {reason}", notebook=place.home)


def _option(line: str, number: int, place: Place, seen: frozenset[Path]) -> Asked:
    try:
        values, rest = _OPTIONS.parse_known_args(shlex.split(line))
    except ValueError:
        rest = [line]
    if rest:
        raise RequirementIsOption(where=place.words(number), entry=line)
    asked = Asked(
        options=IndexOptions(
            where=place.words(number),
            index=_expanded(values.index_url),
            extra=tuple(_expanded(url) for url in values.extra_index_url),
            links=tuple(_link(_expanded(link), place) for link in values.find_links),
            trusted=tuple(values.trusted_host),
            only_binary=tuple(values.only_binary),
            no_binary=tuple(values.no_binary),
            no_index=values.no_index,
            pre=values.pre,
        )
    )
    for target in values.editable:
        # A copy and not a link: what is served must not change with the repository, nor miss in a slim image.
        asked += _entry(target, number, place)
    for name in values.requirement:
        asked += _drawn_in(name, number, place, seen)
    for name in values.constraint:
        drawn = _drawn_in(name, number, place, seen)
        asked += Asked(constraints=drawn.lines + drawn.constraints, options=drawn.options, notes=drawn.notes)
    return asked


def _drawn_in(name: str, number: int, place: Place, seen: frozenset[Path]) -> Asked:
    """Return what another file of the repository asks for; nothing where it is being read already."""
    path = _local(name, place)
    if path is None or not path.is_file():
        raise _malformed(place, number, f"the repository has no file {name!r}")
    try:
        return Asked() if path.resolve() in seen else read_file(path, place.top, seen)
    except Unreadable as wrong:
        raise _malformed(place, number, f"{name!r} can't be read: {wrong}") from None


def _entry(line: str, number: int, place: Place) -> Asked:
    """Return what one package, path or address asks for."""
    text, hashes = [*re.split(r"\s+(?=--)", line, maxsplit=1), ""][:2]
    text, marker = [*re.split(r"\s+;|;\s", text, maxsplit=1), ""][:2]
    named = _NAMED.fullmatch(text)
    name, target = named.groups() if named else ("", text)
    if not _is_address(target):
        return Asked((_requirement(line, number, place),))
    target, folders = _address(target, number, place)
    name = name or _name_of_wheel(target, number, place)
    written = f"{name} @ {target}" if name else target
    written += f" ; {marker.strip()}" if marker else ""
    return Asked((f"{written} {hashes}".strip(),), folders=folders)


def _requirement(line: str, number: int, place: Place) -> str:
    """Return a line that names a package, as it is; a strict place refuses what is no requirement."""
    try:
        Requirement(re.split(r"\s+--", line)[0])
    except InvalidRequirement as wrong:
        if place.strict:
            reason = str(wrong).strip().splitlines()[0]
            raise _malformed(place, number, f"{line!r} is no requirement ({reason})") from None
    return line


def _is_address(target: str) -> bool:
    """Tell whether `target` is a path or an address, and no version or name."""
    bare, _ = _without_extras(target.split("#", maxsplit=1)[0])
    return "://" in target or re.match(r"(file|\w+\+\w+):", target) is not None or _is_path(bare)


def _without_extras(target: str) -> tuple[str, str]:
    """Return a path or an address, and the extras behind it with their brackets."""
    found = _EXTRAS.search(target)
    return (target[: found.start()], found[0]) if found else (target, "")


def _is_path(bare: str) -> bool:
    return bare in (".", "..") or "/" in bare.split(" ", maxsplit=1)[0] or bare.endswith(_ARCHIVES)


def _address(target: str, number: int, place: Place) -> tuple[str, tuple[Path, ...]]:
    """Return `target` as an absolute address, and the folder that is to be built if it is one."""
    if _OTHER_VCS.match(target):
        raise _malformed(place, number, f"{target!r}: of version control systems, git alone is supported")
    if target.startswith("git+"):
        return _git(target, number, place), ()
    if "://" in target and not target.startswith("file:"):
        return target, ()
    bare, mark, fragment = target.partition("#")
    bare, extras = _without_extras(bare)
    path = _local(bare, place)
    if path is None:
        raise _malformed(place, number, f"the repository has no file or folder {bare!r}")
    uri = path.as_uri() + extras + mark + fragment
    if not path.is_dir():
        return uri, ()
    if not _is_project(path):
        raise _malformed(place, number, f"{bare!r} is no Python project: it has no {' and no '.join(PROJECT)}")
    return uri, (path,)


def _git(target: str, number: int, place: Place) -> str:
    if shutil.which("git") is None:
        raise GitMissing(where=place.words(number), entry=target)
    if not target.startswith("git+file:"):
        return target
    bare, mark, fragment = target.removeprefix("git+").partition("#")
    # A branch or a commit may follow; a path may have an @ of its own.
    before, at, revision = bare.rpartition("@")
    for candidate, kept in ((bare, ""), (before, at + revision)):
        path = _local(candidate, place) if candidate else None
        if path is not None:
            return f"git+{path.as_uri()}{kept}{mark}{fragment}"
    raise _malformed(place, number, f"the repository has no git repository {bare.removeprefix('file:')!r}")


def _local(name: str, place: Place) -> Path | None:
    """Return what `name`, a path or a file URL, stands for: a relative one must lie in the repository."""
    text = _path_of(name) if name.startswith("file:") else name
    if "://" in text:
        return None
    if os.path.isabs(text):
        return Path(text) if os.path.exists(text) else None
    there = [Path(os.path.normpath(folder / text)) for folder in place.folders]
    top = Path(os.path.normpath(place.top))
    inside = [path for path in there if path.exists() and (path == top or top in path.parents)]
    # In a folder below the top, `.` may be meant as pip takes it: from where pip is called.
    return next((path for path in inside if _is_project(path)), inside[0] if inside else None)


def _path_of(url: str) -> str:
    parts = urlsplit(url)
    return unquote(parts.path) if url.startswith("file:/") else unquote(url.removeprefix("file:"))


def _is_project(path: Path) -> bool:
    return any((path / name).is_file() for name in PROJECT)


def _link(link: str, place: Place) -> str:
    """Return an entry of --find-links: a folder or file of the repository as a file URL, else as it is."""
    path = None if "://" in link and not link.startswith("file:") else _local(link, place)
    return path.as_uri() if path else link


def _name_of_wheel(target: str, number: int, place: Place) -> str:
    """Return the name of a wheel's distribution by its file, "" for all else: an installer asks the code."""
    file = target.split("#", maxsplit=1)[0].rpartition("/")[2]
    if not file.endswith(".whl"):
        return ""
    try:
        return parse_wheel_filename(unquote(file))[0]
    except InvalidWheelFilename as wrong:
        raise _malformed(place, number, str(wrong)) from None


def _expanded(text: str) -> str:
    """Return `text` with ${VARIABLES} of the environment filled in, as pip does; unknown ones stay."""
    return _VARIABLE.sub(lambda match: os.environ.get(match[1], match[0]), text)
