"""The only code that reads files of an image: from the stream of the engine's `cp`, and only regular files.

Image contents are never unpacked with their links, and none of their programs runs. The image's author controls names,
types and sizes, so each is checked before anything is written.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

from nb_scorer.common import phrases

from nb_builder.common import visible
from nb_builder.images.problems import ImageFileRefused, ImageUnreadable

# Limits for an extracted folder; a large environment has 100,000 files. tarfile keeps a record of each.
MAX_COUNT = 300_000
# Maximum nesting of folders. Python's own functions recurse for each level, and fail at a thousand.
MAX_DEPTH = 100
# The free space that must remain on the target disk.
RESERVE = 256 << 20
_AT_ONCE = 1 << 20
# The same limit as Linux has for a chain of links.
_MAX_STEPS = 40
# Engine messages for a missing file: docker before and since version 25, and podman.
_ABSENT = re.compile(
    r"could not find the file|no such container:path|no such file or directory|could not be found", re.IGNORECASE
)
_KINDS: Mapping[bytes, str] = {
    tarfile.SYMTYPE: "it is a symbolic link",
    tarfile.LNKTYPE: "it is a hard link to another file",
    tarfile.CHRTYPE: "it is a device",
    tarfile.BLKTYPE: "it is a device",
    tarfile.FIFOTYPE: "it is a FIFO",
    tarfile.DIRTYPE: "it is a folder",
    tarfile.REGTYPE: "it is a file",
}


class Link(NamedTuple):
    """A symbolic link in an image, which is only recorded on this machine."""

    target: str
    mode: int


def followed(name: str, links: Mapping[str, Link], folder: str) -> str | None:
    """Return the name that `name` in `folder` refers to after following links; None if it is outside the folder."""
    left, at, steps = name.split("/")[::-1], list[str](), 0
    while left:
        part = left.pop()
        if part == "..":
            if not at:
                return None
            at.pop()
        elif part not in ("", "."):
            at.append(part)
        link = links.get("/".join(at))
        if link is None or part in ("", ".", ".."):
            continue
        steps += 1
        if steps > _MAX_STEPS:
            return None
        target = link.target
        if target.startswith("/"):
            if not f"{target}/".startswith(f"{folder}/"):
                return None
            target, at = target[len(folder) :], []
        else:
            at.pop()
        left += target.split("/")[::-1]
    return "/".join(at)


class Files:
    """The files in a container of an image, which need not run; `image` is its display name."""

    def __init__(self, program: str, environ: Mapping[str, str], container: str, image: str) -> None:
        self._program = program
        self._environ = dict(environ)
        self._container = container
        self._image = image

    def content(self, path: str, largest: int) -> bytes | None:
        """Return the bytes of the file at `path`, or None if it doesn't exist.

        Raises ImageFileRefused if it isn't a regular file or has more than `largest` bytes; ImageUnreadable.
        """
        with self._archive(path) as archive:
            member = archive.next() if archive else None
            if archive is None or member is None:
                return None
            self._require(member, tarfile.REGTYPE, path)
            if member.size > largest:
                raise self.problem_at(path, f"it has {member.size} bytes; the limit is {largest}")
            file = archive.extractfile(member)
            return file.read() if file else b""

    def write_folder(self, path: str, target: Path, links: dict[str, Link] | None = None) -> bool:
        """Write the files of the folder at `path` to the new folder `target`; return whether the source exists.

        A link is rejected or, if `links` is given, recorded there by its name in the folder; a hard link becomes a
        separate file. Raises ImageFileRefused or ImageUnreadable.
        """
        with self._archive(path) as archive:
            first = archive.next() if archive else None
            if archive is None or first is None:
                return False
            self._require(first, tarfile.DIRTYPE, path)
            target.mkdir()
            writer = _Writer(self, path, target, links)
            for member in iter(archive.next, None):
                writer.take(archive, member, first.name)
        return True

    def problem_at(self, path: str, reason: str) -> ImageFileRefused:
        """Return the problem of the entry at `path`."""
        return ImageFileRefused(path=visible.line(path), image=self._image, reason=reason)

    def _require(self, member: tarfile.TarInfo, kind: bytes, path: str) -> None:
        if member.type != kind:
            raise self.problem_at(path, _KINDS.get(member.type, "it is not a file"))

    @contextlib.contextmanager
    def _archive(self, path: str) -> Iterator[tarfile.TarFile | None]:
        """Yield the engine's archive of `path`, or None if the image doesn't contain it."""
        command = [self._program, "cp", f"{self._container}:{path}", "-"]
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(command, env=self._environ, stdout=subprocess.PIPE, stderr=errors) as process,
        ):
            stream = process.stdout
            assert stream is not None
            try:
                is_there = bool(stream.peek(1))  # type: ignore[attr-defined] # it is a BufferedReader
                if is_there:
                    with tarfile.open(fileobj=stream, mode="r|", errors="surrogateescape") as archive:
                        yield archive
                    while stream.read(_AT_ONCE):
                        pass
                else:
                    yield None
            except tarfile.TarError as error:
                process.kill()
                raise self._unreadable(f"it sends no archive ({error})") from error
            except BaseException:
                # Nothing more is read after a rejected entry.
                process.kill()
                raise
            status = process.wait()
            errors.seek(0)
            said = errors.read(_AT_ONCE).decode("utf-8", "replace").strip()
            if status and (is_there or not _ABSENT.search(said)):
                raise self._unreadable((phrases.last_line(said) or f"exit status {status}").removesuffix("."))

    def _unreadable(self, reason: str) -> ImageUnreadable:
        return ImageUnreadable(image=self._image, program=self._program, reason=visible.line(reason))


class _Writer:
    """Writes the members of an archive to a folder, which afterwards contains only files, no links."""

    def __init__(self, files: Files, path: str, target: Path, links: dict[str, Link] | None) -> None:
        self._files = files
        self._path = path
        self._target = target
        self._links = links
        self._left = shutil.disk_usage(target).free - RESERVE
        self._count = 0

    def take(self, archive: tarfile.TarFile, member: tarfile.TarInfo, top: str) -> None:
        """Write a member, whose name starts with that of the folder, `top`; raise ImageFileRefused."""
        name = self._name(member.name, top)
        self._count += 1
        if self._count > MAX_COUNT:
            raise self._files.problem_at(self._path, f"it has more than {MAX_COUNT} entries")
        if member.isdir():
            self._mkdir(self._target / name, name)
        elif member.type == tarfile.REGTYPE:
            self._mkdir((self._target / name).parent, name)
            self._write(archive, member, name)
        elif self._links is not None and member.issym():
            self._mkdir((self._target / name).parent, name)
            if self._links.setdefault(name, Link(member.linkname, member.mode)).target != member.linkname:
                raise self._problem(name, "it occurs twice")
        elif self._links is not None and member.islnk():
            self._copy(self._name(member.linkname, top), name)
        else:
            raise self._problem(name, _KINDS.get(member.type, "it is not a file"))

    def _name(self, given: str, top: str) -> str:
        """Return the name of a member in the folder; raise ImageFileRefused if it is outside."""
        name = given.removeprefix(f"{top}/")
        if name == given or {"", ".", ".."} & set(name.split("/")) or "\0" in name:
            raise self._files.problem_at(given, "its name is outside its folder")
        if name.count("/") > MAX_DEPTH:
            raise self._problem(f"{name[:MAX_DEPTH]}…", f"it is nested in more than {MAX_DEPTH} folders")
        return name

    def _mkdir(self, folder: Path, name: str) -> None:
        above = folder.relative_to(self._target)
        if self._links and any(str(each) in self._links for each in (above, *above.parents)):
            raise self._problem(name, "it is both a link and a folder")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise self._problem(name, "it is both a file and a folder") from error

    def _write(self, archive: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> None:
        source = archive.extractfile(member)
        assert source is not None
        with self._created(name, member.size, member.mode) as file:
            shutil.copyfileobj(source, file, _AT_ONCE)
        self._date(name, member.mtime)

    def _copy(self, source: str, name: str) -> None:
        """Write a hard link as a copy of the file already written."""
        path = self._target / source
        if not path.is_file():
            raise self._problem(name, "it is a hard link to a file outside its folder")
        self._mkdir((self._target / name).parent, name)
        stat = path.stat()
        with path.open("rb") as content, self._created(name, stat.st_size, stat.st_mode) as file:
            shutil.copyfileobj(content, file, _AT_ONCE)
        self._date(name, stat.st_mtime)

    def _date(self, name: str, seconds: float) -> None:
        """Set a file's date as in the image, which bytecode contains; skip one that this machine doesn't support."""
        with contextlib.suppress(OSError, OverflowError, ValueError):
            os.utime(self._target / name, (seconds, seconds))

    def _created(self, name: str, size: int, mode: int) -> IO[bytes]:
        """Create and return a file for `size` bytes; raise ImageFileRefused if it already exists or space is short."""
        self._left -= size
        if self._left < 0:
            raise self._problem(name, f"its {size} bytes don't fit on this disk")
        try:
            descriptor = os.open(self._target / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError as error:
            raise self._problem(name, "it occurs twice") from error
        # Readable for the user who compares it; on this machine, other users have no access.
        os.fchmod(descriptor, mode & 0o777 | 0o400)
        return open(descriptor, "wb")

    def _problem(self, name: str, reason: str) -> ImageFileRefused:
        return self._files.problem_at(f"{self._path}/{name}", reason)
