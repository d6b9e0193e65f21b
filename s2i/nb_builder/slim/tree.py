"""The file system of a runtime image while it is laid: a folder whose paths are the image's own."""

import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

# Neither is the world's business: nothing runs as somebody else, and only group 0 may write somewhere.
_NEVER = stat.S_ISUID | stat.S_ISGID | stat.S_IWOTH
_MOST_LINKS = 40  # as the kernel has it


class Tree:
    """A folder `root` that becomes `/`; all paths given and returned are those of the image."""

    def __init__(self, root: Path, *, afresh: bool = False) -> None:
        """Take the folder, which is made if it is not there; with `afresh` it is emptied first."""
        self.root = root
        if afresh:
            shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True, exist_ok=True)

    def at(self, path: str | Path) -> Path:
        """Return where `path` of the image is here; symbolic links in it are not followed."""
        return self.root / os.fspath(path).lstrip("/")

    def holds(self, path: str | Path) -> bool:
        """Return whether there is something at `path`, were it a broken link."""
        return os.path.lexists(self.at(path))

    def carry(self, path: str | Path) -> None:
        """Copy a file from this image to the same place, with every symbolic link on the way to it.

        A folder comes empty. Raises FileNotFoundError for what is not here.
        """
        place, rest, links = "/", os.fspath(path).split("/"), 0
        while rest:
            name = rest.pop(0)
            if name in ("", ".", ".."):
                place = os.path.dirname(place) if name == ".." else place
                continue
            target = self._carry_one(os.path.join(place, name))
            if target is None:
                place = os.path.join(place, name)
                continue
            links += 1
            if links > _MOST_LINKS:
                raise OSError(f"too many symbolic links in {path}")
            place, rest = "/" if target.startswith("/") else place, target.split("/") + rest

    def carry_all(self, folder: str | Path, wanted: Callable[[str], bool] = lambda path: True) -> None:
        """Copy what is in `folder`, as far as `wanted` says of a path; folders that would be empty stay out."""
        self.carry(folder)
        real = os.path.realpath(folder)
        for path in files_below(real):
            if wanted(path):
                self.at(path).parent.mkdir(parents=True, exist_ok=True)
                self._carry_one(path)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Put a file of `text` at `path`."""
        place = self.at(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        place.chmod(mode)

    def link(self, path: str, target: str) -> None:
        """Put a symbolic link at `path`."""
        self.at(path).parent.mkdir(parents=True, exist_ok=True)
        self.at(path).symlink_to(target)

    def folder(self, path: str, mode: int = 0o755) -> None:
        """Make an empty folder with exactly this mode."""
        self.at(path).mkdir(parents=True, exist_ok=True)
        self.at(path).chmod(mode)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove these files, and folders that are empty then."""
        for path in sorted(paths, reverse=True):
            here = self.at(path)
            here.unlink(missing_ok=True)
            _remove_empty(here.parent, self.root)

    def files(self, below: str = "/") -> list[str]:
        """Return the paths of all files and links, sorted."""
        return sorted("/" + os.path.relpath(path, self.root) for path in files_below(str(self.at(below))))

    def bytes(self, below: str = "/") -> int:
        """Return the bytes of all files."""
        return sum(os.lstat(self.at(path)).st_size for path in self.files(below))

    def seal(self, seconds: int, open_to_group: tuple[str, ...] = ()) -> None:
        """Give everything one date, so that two builds make the same layer, and no group the right to write.

        What is in the folders `open_to_group`, and those themselves, keep the mode that they have.
        """
        for folder, inner, files in os.walk(self.root, topdown=False):
            for name in [*inner, *files, "."]:
                path = os.path.normpath(os.path.join(folder, name))
                there = "/" + os.path.relpath(path, self.root)
                if not os.path.islink(path) and not f"{there}/".startswith(tuple(f"{each}/" for each in open_to_group)):
                    os.chmod(path, stat.S_IMODE(os.lstat(path).st_mode) & ~stat.S_IWGRP)
                os.utime(path, (seconds, seconds), follow_symlinks=False)

    def _carry_one(self, path: str) -> str | None:
        """Copy the last part of `path`, whose parent is here; return the target if it is a symbolic link."""
        here, told = self.at(path), os.lstat(path)
        if stat.S_ISLNK(told.st_mode):
            target = os.readlink(path)
            if not os.path.lexists(here):
                os.symlink(target, here)
            return target
        if stat.S_ISDIR(told.st_mode):
            here.mkdir(exist_ok=True)
        elif not here.exists():
            shutil.copyfile(path, here)
        here.chmod(stat.S_IMODE(told.st_mode) & ~_NEVER)
        return None


def files_below(folder: str) -> Iterator[str]:
    """Yield the paths of all files and links below `folder`; links to folders count as files."""
    for place, inner, files in os.walk(folder):
        for name in files + [name for name in inner if os.path.islink(os.path.join(place, name))]:
            path = os.path.join(place, name)
            if stat.S_IFMT(os.lstat(path).st_mode) in (stat.S_IFREG, stat.S_IFLNK):
                yield path


def _remove_empty(folder: Path, stop: Path) -> None:
    while folder != stop and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
