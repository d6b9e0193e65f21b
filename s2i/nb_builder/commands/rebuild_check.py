"""`nb-builder rebuild-check`: compares two builds of the same sources and lock, and explains which files differ.

It gets two folders: an image's APP_ROOT, and the APP_ROOT of a second build. It neither executes nor unpickles their
contents, and does not follow their links: a file next to each folder records the link targets.
"""

import hashlib
import json
import os
import pickletools
import re
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nb_scorer.common import paths

from nb_builder.commands import command_line
from nb_builder.common import digests
from nb_builder.common.log import Log

USAGE = "Usage: nb_builder rebuild-check APP_ROOT APP_ROOT"
# The suffix of the file next to a folder that lists the targets of the folder's links by name.
LINKS = ".links.json"
# Not reproducible: ECDSA signatures use a random number, and a check has no key.
_SIGNATURES = frozenset((f"{paths.MODEL}/{paths.SIGNATURE}", f"{paths.BUILD}/{paths.PROVENANCE_SIGNATURE}"))
# Only s2i puts these into an image: the second build has no variables of the platform.
_ONLY_THERE = f"{paths.BUILD}/{paths.FROM_REPOSITORY}"
# The check adds the lock, so that it is the same.
_ADDED = f"{paths.SRC}/{paths.LOCK}"
# Keys that only a report of a build without a lock contains.
_REPORT = f"{paths.BUILD}/{paths.REPORT}"
_OF_THE_LOCK = frozenset(("asked", "resolved"))
# Files in these folders are shown with their digests; the others are counted.
_SHOWN = (paths.MODEL, paths.BUILD)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d|^1\d{9}(\.\d+)?$")
# The header of a .pyc file: a magic number, flags, and the time and size of its source.
_HEADER = 16
_MAX_SIZE = 64 << 20


def main(arguments: Sequence[str]) -> None:
    """Compare the two folders; print equal and different files, and raise SystemExit(1) if any differ."""
    command_line.require(USAGE, arguments, 2)
    first, second = (_Tree(Path(each)) for each in arguments)
    log = Log()
    files, again = first.names - {_ONLY_THERE}, second.names - {_ONLY_THERE}
    is_given = _ADDED not in files and _ADDED in again
    again -= {_ADDED} if is_given else set()
    different = 0
    for folder in _folders(files | again):
        names = sorted(name for name in files | again if name.partition("/")[0] == folder)
        equal = [name for name in names if name in files and name in again and first.is_equal(second, name)]
        for name in equal if folder in _SHOWN else ():
            log.line(f"     equal    {name}  sha256:{first.digest(name)}")
        if folder not in _SHOWN and equal:
            log.line(f"     equal    {folder}/: {len(equal)} files  sha256:{_digest_of_all(first, equal)}")
        for name in names:
            if name == _REPORT and name not in equal and is_given and _differs_by_the_lock(first, second, name):
                log.line(f"     equal    {name}, except for the lock's origin: this check provided the lock")
            elif name not in equal and name not in _SIGNATURES:
                log.line(f"     DIFFERS  {name}: {_reason(first, second, name)}")
                different += 1
    signed = sorted(_SIGNATURES & files)
    if signed:
        log.line(f"     left out {', '.join(signed)}: signatures contain a random number, and this check has no key")
    if _ONLY_THERE in first.names:
        log.line(f"     left out {_ONLY_THERE}: variables of the platform that s2i took from the repository")
    if different:
        log.step(f"{different} of {len(files | again)} files differ")
        raise SystemExit(1)
    log.step(f"All {len(files) - len(signed)} files are equal")


class _Tree:
    """The files of an APP_ROOT, and the targets of its links by name; links are not followed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._links = {}
        noted = root.with_name(root.name + LINKS)
        if noted.is_file():
            self._links = {name: each["target"] for name, each in json.loads(noted.read_bytes()).items()}
        self.names = set(self._links)
        for at, folders, names in os.walk(root):
            for name in [*names, *folders]:
                path = Path(at, name)
                relative = path.relative_to(root).as_posix()
                if path.is_symlink():
                    self._links[relative] = os.readlink(path)
                elif name in folders:
                    continue
                self.names.add(relative)

    def link(self, name: str) -> str | None:
        """Return the target of a link, or None for a file."""
        return self._links.get(name)

    def mode(self, name: str) -> int:
        """Return the type and permissions of a file."""
        return stat.S_IFLNK | 0o777 if name in self._links else (self._root / name).lstat().st_mode

    def size(self, name: str) -> int:
        """Return the size of a file in bytes."""
        return (self._root / name).lstat().st_size

    def content(self, name: str) -> bytes:
        """Return the bytes of a file, or none if it isn't a regular file."""
        return (self._root / name).read_bytes() if stat.S_ISREG(self.mode(name)) else b""

    def digest(self, name: str) -> str:
        """Return the SHA-256 of a file's bytes, or of a link's target."""
        target = self.link(name)
        if target is not None:
            return hashlib.sha256(os.fsencode(target)).hexdigest()
        return digests.digest(self._root / name)

    def is_equal(self, other: "_Tree", name: str) -> bool:
        """Return whether a file has the same type, permissions and bytes in both."""
        if self.mode(name) != other.mode(name) or self.link(name) != other.link(name):
            return False
        return not stat.S_ISREG(self.mode(name)) or self.digest(name) == other.digest(name)


def _differs_by_the_lock(one: _Tree, other: _Tree, name: str) -> bool:
    """Return whether two reports differ only in the origin of the lock."""
    if name not in one.names & other.names:
        return False
    try:
        differences = list(_paths(json.loads(one.content(name)), json.loads(other.content(name)), ""))
    except (OSError, ValueError, RecursionError):
        return False
    return bool(differences) and all(where.split("/")[1] in _OF_THE_LOCK for where, _, _ in differences if where)


def _folders(names: set[str]) -> list[str]:
    tops = {name.partition("/")[0] for name in names}
    return [*(folder for folder in _SHOWN if folder in tops), *sorted(tops - set(_SHOWN))]


def _digest_of_all(tree: _Tree, names: Sequence[str]) -> str:
    lines = "".join(f"{tree.digest(name)} {name}\n" for name in names)
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def _reason(one: _Tree, other: _Tree, name: str) -> str:
    """Return why two files differ, as far as their bytes reveal it."""
    for tree, reason in ((one, "only the second build has it"), (other, "only the first build has it")):
        if name not in tree.names:
            return reason
    if one.mode(name) != other.mode(name):
        return f"its permissions are {stat.filemode(one.mode(name))} and {stat.filemode(other.mode(name))}"
    if one.link(name) is not None:
        return f"it leads to {one.link(name)} and to {other.link(name)}"
    if max(one.size(name), other.size(name)) > _MAX_SIZE:
        return f"it has {one.size(name)} and {other.size(name)} bytes"
    texts = one.content(name), other.content(name)
    kinds = {".pyc": _of_bytecode, ".json": _of_json, ".pickle": _of_pickle}
    try:
        return kinds.get(Path(name).suffix, _of_text)(*texts)
    # File names are untrusted.
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, RecursionError):
        return _of_text(*texts)


def _of_bytecode(one: bytes, other: bytes) -> str:
    if one[_HEADER:] == other[_HEADER:] and one[:8] == other[:8]:
        return "the time stamp of the source in the bytecode header"
    return "bytecode that differs in the order of a set, or in shared values"


def _of_json(one: bytes, other: bytes) -> str:
    differences = list(_paths(json.loads(one), json.loads(other), ""))
    if not differences:
        return "the order or the spaces of its JSON"
    stamps = [where for where, before, after in differences if _TIME.search(f"{before}") and _TIME.search(f"{after}")]
    seconds = [where for where, _, _ in differences if where.split("/")[1:2] == ["seconds"]]
    rest = [each for each in differences if each[0] not in {*stamps, *seconds}]
    texts = [f"time stamps at {', '.join(stamps)}"] if stamps else []
    texts += ["the durations of its steps, which a build with SOURCE_DATE_EPOCH omits"] if seconds else []
    texts += [f"{where or '/'} is {_short(before)} and {_short(after)}" for where, before, after in rest[:5]]
    return "; ".join(texts) + (f"; and {len(rest) - 5} more" if len(rest) > 5 else "")


def _paths(one: Any, other: Any, where: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield (JSON pointer, value, other value) of each difference between two values."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            yield from _paths(one.get(key), other.get(key), f"{where}/{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from _paths(*pair, f"{where}/{index}")
    elif one != other:
        yield where, one, other


def _of_pickle(one: bytes, other: bytes) -> str:
    """Return the differences between two pickles, by their opcodes, none of which is executed."""
    first, second = (
        [(code.name, arg) for code, arg, _ in pickletools.genops(text) if code.name != "FRAME"] for text in (one, other)
    )
    place, pair = next(
        ((index, pair) for index, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]),
        (min(len(first), len(second)), (("its end", None), ("its end", None))),
    )
    # Memo numbers are a matter of order, too.
    counted = [Counter(repr(step) for step in steps if "GET" not in step[0]) for steps in (first, second)]
    if counted[0] == counted[1]:
        return f"the order of a set or of a dict: the same values in another order, from instruction {place} on"
    names = " and ".join(f"{name} {_short(value)}" for name, value in pair)
    return f"the pickle has different values: instruction {place} is {names}"


def _of_text(one: bytes, other: bytes) -> str:
    lines = one.splitlines(), other.splitlines()
    if sorted(lines[0]) == sorted(lines[1]):
        return "the order of its lines"
    changed = [pair for pair in zip(*lines, strict=False) if pair[0] != pair[1]]
    if changed and len(lines[0]) == len(lines[1]):
        before, after = (_short(text.decode("utf-8", "replace")) for text in changed[0])
        stamp = all(_TIME.search(text.decode("utf-8", "replace")) for pair in changed for text in pair)
        return f"{'time stamps' if stamp else 'lines'}, the first of {len(changed)}: {before} and {after}"
    return f"it has {len(one)} and {len(other)} bytes"


def _short(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else text[:59] + "…"
