"""Reads files named in rows, which must be inside the job's folder, however the row writes the path."""

import errno
import json
import os
import stat
from collections.abc import Callable, Iterator

from nb_scorer.model import binary, json_codec

from nb_service import problems
from nb_service.backends.batch.formats.chunk import Chunk
from nb_service.files import Files

# In bytes. A larger file is probably not meant as a sample.
MAX_FILE = 64 << 20
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_REASONS = {
    errno.ENOENT: "does not exist",
    errno.ELOOP: "is a link",
    errno.ENOTDIR: "is not in a folder, or leads through a link",
    errno.EACCES: "can't be read by this user",
}


class NoFile(Exception):
    """A path that doesn't name a readable file; the text is the reason."""


class SampleFiles:
    """Reads the files in `folder` that samples name for parameters that are files.

    Samples contain paths until they are sent, so that only the files being scored are in memory.
    """

    def __init__(self, folder: str, files: Files) -> None:
        self._folder = folder
        self._files = files

    def check(self, texts: list[str], chunk: Chunk) -> list[str]:
        """Return the samples (JSON) whose files exist; mark the other rows of `chunk` as broken."""
        kept = []
        for at, text in zip(chunk.whole(), texts, strict=True):
            try:
                self._replaced(json.loads(text), self._checked)
            except NoFile as error:
                chunk.broken[at] = str(error)
            else:
                kept.append(text)
        return kept

    def in_full(self, text: str) -> str:
        """Return a sample's JSON with files in place of their paths; raise BatchInput."""
        try:
            return json_codec.encode(self._replaced(json.loads(text), self._read)).decode("ascii")
        except NoFile as error:
            raise problems.BatchInput(
                self._folder,
                f"a file has changed since its row was read: {error}",
                "Make sure that no other process writes to the folder.",
            ) from error

    def _replaced(self, sample: object, of_path: Callable[[str], str]) -> object:
        # A data: URL is a file inside the row, as in requests.
        return self._files.replaced(sample, lambda text: text if text[:5].lower() == "data:" else of_path(text))

    def _checked(self, path: str) -> str:
        os.close(self._opened(path))
        return path

    def _read(self, path: str) -> str:
        with open(self._opened(path), "rb") as file:
            content = file.read(MAX_FILE + 1)
        if len(content) > MAX_FILE:
            raise _too_large(path)
        return binary.data_url(content, binary.media_type_of(path))

    def _opened(self, path: str) -> int:
        """Return an open descriptor of a file in the folder, without following links; raise NoFile."""
        names = path.split("/")
        if os.path.isabs(path) or ".." in names or not names[-1] or "\0" in path:
            raise NoFile(f"{path!r} is not a path of a file within --files.")
        descriptor = -1
        try:
            descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            for left, name in zip(reversed(range(len(names))), names, strict=True):
                above, descriptor = descriptor, -1
                try:
                    descriptor = os.open(name, _OPEN | os.O_DIRECTORY if left else _OPEN, dir_fd=above)
                finally:
                    os.close(above)
            about = os.fstat(descriptor)
        except OSError as error:
            reason = _REASONS.get(error.errno or 0, f"can't be read: {error.strerror}")
            raise NoFile(f"The file {path!r} {reason}.") from error
        except UnicodeEncodeError as error:
            # Some JSON texts are not valid file names.
            raise NoFile(f"{path!r} is not a path of a file within --files.") from error
        if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_FILE:
            os.close(descriptor)
            raise _too_large(path) if stat.S_ISREG(about.st_mode) else NoFile(f"{path!r} is not a file.")
        return descriptor


def _too_large(path: str) -> NoFile:
    return NoFile(f"The file {path!r} is larger than {MAX_FILE >> 20} MB.")


def listed(folder: str) -> Iterator[str]:
    """Yield the names of a folder's files in order, without links and hidden files."""
    with os.scandir(folder) as entries:
        names = [each.name for each in entries if each.is_file(follow_symlinks=False) and each.name[0] != "."]
    yield from sorted(names)
