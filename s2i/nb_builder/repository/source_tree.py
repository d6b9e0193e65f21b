"""The repository's files: finds the notebooks among them, and copies all to `$APP_ROOT/src`."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from nb_builder.common import inside, visible
from nb_builder.problems.notebooks import NotebookChosenTwice, NotebookName, NotebookNotFound, SourceMissing
from nb_builder.repository import candidates, ordinary_files

# s2i puts the repository here, and it stays in the image unless assemble removes it.
UPLOADED = Path("/tmp/src")  # noqa: S108 - s2i's own place


def locate(src: Path, copy: Path) -> Path:
    """Return the folder with the repository: `src`, or `copy` if an earlier assemble emptied s2i's upload.

    An empty folder elsewhere is an error: `copy` may be another repository, of an earlier build. Raises SourceMissing
    if there are no files.
    """
    for folder in (src, copy) if src == UPLOADED else (src,):
        if os.path.isdir(folder) and any(folder.iterdir()):
            return folder
    raise SourceMissing(folder=src, state=_state(src))


def _state(src: Path) -> str:
    """Return a description of a folder that contains no repository."""
    if os.path.isdir(src):
        return "the folder is empty"
    return "it is a file" if os.path.exists(src) else "there is no such folder"


def find_notebooks(
    repository: Path, chosen: str | None, listed: Sequence[str] | None, note: Callable[[str], None] = lambda text: None
) -> tuple[Path, ...]:
    """Return the notebooks to build, relative to `repository`, in order of execution; the last one has predictor.

    `chosen` is S2I_SOURCE_NOTEBOOK, `listed` S2I_SOURCE_NOTEBOOK_LIST. Without either it is the one that `candidates`
    finds, and `note` is called with the reason if there are several. Raises NotebookChosenTwice, NotebookName,
    FileRefused or NotebookNotFound, and what `candidates.sole` raises.
    """
    if chosen is not None and listed is not None:
        raise NotebookChosenTwice(chosen=chosen, listed=", ".join(listed))
    if listed is not None:
        return _chosen(repository, listed, "S2I_SOURCE_NOTEBOOK_LIST")
    if chosen is not None:
        return _chosen(repository, [chosen], "S2I_SOURCE_NOTEBOOK")
    sole = candidates.sole(repository, note)
    _require_printable(sole)
    return (sole,)


def has_module(repository: Path, module: str) -> bool:
    """Return whether the repository has `module` (may be dotted) in any folder: a notebook can change sys.path."""
    segment = f"/{module.replace('.', '/')}/"
    return any(segment in f"/{path.with_suffix('') if path.suffix == '.py' else path}/" for path in files(repository))


def folders_of_module(paths: Iterable[Path], module: str) -> list[Path]:
    """Return the folders that make `module` (may be dotted) importable on sys.path; `paths` are what `files` yields."""
    segments = tuple(module.split("."))
    found: dict[Path, None] = {}
    for path in paths:
        if path.suffix != ".py":
            continue
        # A module is a file, and a package is a folder with files.
        for parts in (path.with_suffix("").parts, path.parent.parts):
            if parts[-len(segments) :] == segments:
                found[Path(*parts[: -len(segments)])] = None
    return list(found)


def files(repository: Path) -> Iterator[Path]:
    """Yield the repository's files that `copy_to` would copy, relative to it, sorted folder by folder."""
    for folder, subfolders, names in os.walk(repository):
        subfolders[:] = sorted({*subfolders} - {*_not_of_the_repository(folder, subfolders)})
        paths = (os.path.join(folder, name) for name in sorted(names))
        yield from (Path(os.path.relpath(path, repository)) for path in paths if not inside.special(path))


def special_files(repository: Path) -> list[str]:
    """Return the files that `copy_to` skips because they can't be copied, such as "pipe (a FIFO)", with their paths."""
    found: list[str] = []
    for folder, subfolders, names in os.walk(repository):
        subfolders[:] = sorted({*subfolders} - {*_not_of_the_repository(folder, subfolders)})
        paths = (os.path.join(folder, name) for name in sorted(names))
        found += [f"{os.path.relpath(path, repository)} ({kind})" for path in paths if (kind := inside.special(path))]
    return found


def copy_to(repository: Path, destination: Path) -> None:
    """Replace the content of `destination` with a copy of the repository, with dot files, modes and links.

    FIFOs, sockets and devices are skipped; `special_files` lists them. s2i's upload is removed if this user may do so,
    so that it isn't in the image twice.
    """
    if repository.resolve() == destination.resolve():
        return
    destination.mkdir(parents=True, exist_ok=True)
    _empty(destination)
    names = os.listdir(repository)
    for name in sorted({*names} - {*_not_of_the_repository(str(repository), names)}):
        _install_entry(repository / name, destination / name)
    if repository == UPLOADED:
        _empty(repository, best_effort=True)


def _chosen(repository: Path, names: Sequence[str], setting: str) -> tuple[Path, ...]:
    """Return `names` as paths; raise NotebookName, FileRefused or NotebookNotFound."""
    paths = [Path(os.path.normpath(name)) for name in names]
    for path in paths:
        _require_printable(path)
        if not path.is_absolute() and ".." not in path.parts:
            ordinary_files.require(repository / path, repository)
    missing = [str(path) for path in paths if not _is_inside(repository, path)]
    if missing:
        existing = next(filter(None, candidates.groups(repository)), [])
        known = candidates.listed(existing) or "no notebook at all"
        raise NotebookNotFound(setting=setting, chosen=", ".join(map(repr, missing)), names=known)
    return tuple(paths)


def _require_printable(notebook: Path) -> None:
    if not visible.is_printable(str(notebook)):
        raise NotebookName(notebook=visible.line(notebook))


def _is_inside(repository: Path, path: Path) -> bool:
    return not path.is_absolute() and ".." not in path.parts and os.path.isfile(repository / path)


def _not_of_the_repository(folder: str, names: list[str]) -> list[str]:
    """Return the entries of a local folder that don't belong to the repository's files, such as .git, venvs, FIFOs."""
    generated = {".git", ".ipynb_checkpoints", "__pycache__"}
    return [
        name
        for name in names
        if name in generated
        or os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))
        or inside.special(os.path.join(folder, name))
    ]


def _install_entry(entry: Path, target: Path) -> None:
    """Copy one entry of the repository's top folder.

    Not the folder itself: its mode must not be copied to APP_ROOT/src, which another user may own.
    """
    if entry.is_dir() and not entry.is_symlink():
        shutil.copytree(entry, target, symlinks=True, ignore=_not_of_the_repository, copy_function=_copy)
    elif entry.is_symlink():
        target.symlink_to(os.readlink(entry))
    else:
        _copy(str(entry), str(target))


def _copy(source: str, target: str) -> None:
    """Copy one file with its mode, without times and owner: an arbitrary UID may not set them."""
    shutil.copyfile(source, target, follow_symlinks=False)
    shutil.copymode(source, target, follow_symlinks=False)


def _empty(folder: Path, *, best_effort: bool = False) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=best_effort)
            continue
        try:
            entry.unlink()
        except OSError:
            # s2i's upload has another owner if the build runs under an arbitrary UID.
            if not best_effort:
                raise
