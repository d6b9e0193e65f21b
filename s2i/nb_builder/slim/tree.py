"""The file system of a runtime image under construction: a folder that represents the image's root."""

import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

# In the image nothing runs as another user, and at most group 0 may write.
_FORBIDDEN_MODE_BITS = stat.S_ISUID | stat.S_ISGID | stat.S_IWOTH
_MAX_LINKS = 40  # the kernel's own limit, MAXSYMLINKS


class Tree:
    """A folder `root` that becomes the image's `/`; all paths taken and returned are paths in the image."""

    def __init__(self, root: Path, *, clear: bool = False) -> None:
        """Use the folder, which is created if it doesn't exist; with `clear` it is emptied first."""
        self.root = root
        if clear:
            shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True, exist_ok=True)

    def at(self, path: str | Path) -> Path:
        """Return the local path of the image's `path`; symbolic links in it are not followed."""
        return self.root / os.fspath(path).lstrip("/")

    def holds(self, path: str | Path) -> bool:
        """Return whether anything exists at `path`, even a broken link."""
        return os.path.lexists(self.at(path))

    def carry(self, path: str | Path) -> None:
        """Copy a file of the service image to the same path, with every symbolic link on the way to it.

        A folder is copied without its content. Raises FileNotFoundError if there is nothing at `path`, OSError if it
        goes through too many symbolic links.
        """
        parent, components, links = "/", os.fspath(path).split("/"), 0
        while components:
            name = components.pop(0)
            if name in ("", ".", ".."):
                parent = os.path.dirname(parent) if name == ".." else parent
                continue
            target = self._carry_entry(os.path.join(parent, name))
            if target is None:
                parent = os.path.join(parent, name)
                continue
            links += 1
            if links > _MAX_LINKS:
                raise OSError(f"too many symbolic links in {path}")
            parent, components = "/" if target.startswith("/") else parent, target.split("/") + components

    def carry_all(self, folder: str | Path, wanted: Callable[[str], bool] = lambda path: True) -> None:
        """Copy all files below `folder` for whose path `wanted` is true; folders that would be empty are left out."""
        self.carry(folder)
        real = os.path.realpath(folder)
        for path in files_below(real):
            if wanted(path):
                self.at(path).parent.mkdir(parents=True, exist_ok=True)
                self._carry_entry(path)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file with the content `text` at `path`."""
        target = self.at(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)

    def link(self, path: str, target: str) -> None:
        """Create a symbolic link at `path`."""
        self.at(path).parent.mkdir(parents=True, exist_ok=True)
        self.at(path).symlink_to(target)

    def folder(self, path: str, mode: int = 0o755) -> None:
        """Create an empty folder with exactly this mode, regardless of the umask."""
        self.at(path).mkdir(parents=True, exist_ok=True)
        self.at(path).chmod(mode)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove these files, and the folders that this leaves empty."""
        for path in sorted(paths, reverse=True):
            target = self.at(path)
            target.unlink(missing_ok=True)
            _remove_empty(target.parent, self.root)

    def files(self, below: str = "/") -> list[str]:
        """Return the paths of all files and links, sorted."""
        return sorted("/" + os.path.relpath(path, self.root) for path in files_below(str(self.at(below))))

    def bytes(self, below: str = "/") -> int:
        """Return the size of all files together, in bytes."""
        return sum(os.lstat(self.at(path)).st_size for path in self.files(below))

    def seal(self, seconds: int, open_to_group: tuple[str, ...] = ()) -> None:
        """Set every date to `seconds` (since 1970), so that two builds make the same layer; revoke group write access.

        The folders `open_to_group`, and all that is in them, keep their modes.
        """
        open_prefixes = tuple(f"{folder}/" for folder in open_to_group)
        for folder, folders, files in os.walk(self.root, topdown=False):
            for name in [*folders, *files, "."]:
                path = os.path.normpath(os.path.join(folder, name))
                image_path = "/" + os.path.relpath(path, self.root)
                if not os.path.islink(path) and not f"{image_path}/".startswith(open_prefixes):
                    os.chmod(path, stat.S_IMODE(os.lstat(path).st_mode) & ~stat.S_IWGRP)
                os.utime(path, (seconds, seconds), follow_symlinks=False)

    def _carry_entry(self, path: str) -> str | None:
        """Copy the last component of `path`, whose parent is in the tree; return the target of a symbolic link."""
        copy, info = self.at(path), os.lstat(path)
        if stat.S_ISLNK(info.st_mode):
            target = os.readlink(path)
            if not os.path.lexists(copy):
                os.symlink(target, copy)
            return target
        if stat.S_ISDIR(info.st_mode):
            copy.mkdir(exist_ok=True)
        elif not copy.exists():
            shutil.copyfile(path, copy)
        copy.chmod(stat.S_IMODE(info.st_mode) & ~_FORBIDDEN_MODE_BITS)
        return None


def files_below(folder: str) -> Iterator[str]:
    """Yield the paths of all files and links below `folder`; links to folders count as files."""
    for parent, folders, files in os.walk(folder):
        for name in files + [name for name in folders if os.path.islink(os.path.join(parent, name))]:
            path = os.path.join(parent, name)
            if stat.S_IFMT(os.lstat(path).st_mode) in (stat.S_IFREG, stat.S_IFLNK):
                yield path


def _remove_empty(folder: Path, root: Path) -> None:
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
