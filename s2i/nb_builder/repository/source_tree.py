"""The repository: which of its files is the notebook, and how it gets to `$APP_ROOT/src`."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from nb_builder.problems.repository import NotebookChosenTwice, NotebookNotFound, SourceMissing
from nb_builder.repository import candidates

# s2i lays the repository here and leaves it in the image unless assemble takes it away.
UPLOADED = Path("/tmp/src")  # noqa: S108 - s2i's own place


def locate(src: Path, kept: Path) -> Path:
    """Return the folder with the repository: `src`, or `kept` where an earlier assemble emptied s2i's upload.

    Any other empty folder stands for nothing else: `kept` is the repository of the build before, whichever that was.
    Raises SourceMissing where there is nothing.
    """
    for folder in (src, kept) if src == UPLOADED else (src,):
        if folder.is_dir() and any(folder.iterdir()):
            return folder
    raise SourceMissing(folder=src)


def find_notebooks(
    repository: Path, chosen: str | None, listed: Sequence[str] | None, say: Callable[[str], None] = lambda words: None
) -> tuple[Path, ...]:
    """Return the notebooks to build, relative to `repository`, in their order; the last one defines the contract.

    `chosen` is S2I_SOURCE_NOTEBOOK, `listed` S2I_SOURCE_NOTEBOOK_LIST; without either it is the one that
    `candidates` finds, and `say` gets the reason where there are several. Raises NotebookChosenTwice or
    NotebookNotFound, and what `candidates` raises.
    """
    if chosen is not None and listed is not None:
        raise NotebookChosenTwice(chosen=chosen, listed=", ".join(listed))
    if listed is not None:
        return _chosen(repository, listed, "S2I_SOURCE_NOTEBOOK_LIST")
    if chosen is not None:
        return _chosen(repository, [chosen], "S2I_SOURCE_NOTEBOOK")
    return (candidates.sole(repository, say),)


def has_module(repository: Path, module: str) -> bool:
    """Tell whether the repository may have `module`, be it dotted: a notebook can add any folder to sys.path."""
    wanted = f"/{module.replace('.', '/')}/"
    return any(wanted in f"/{path.with_suffix('') if path.suffix == '.py' else path}/" for path in files(repository))


def files(repository: Path) -> Iterator[Path]:
    """Yield the repository's files, relative to it, in the order of their names: what `bring` would copy."""
    for folder, inner, names in os.walk(repository):
        inner[:] = sorted({*inner} - {*_not_of_the_repository(folder, inner)})
        yield from (Path(os.path.relpath(os.path.join(folder, name), repository)) for name in sorted(names))


def bring(repository: Path, destination: Path) -> None:
    """Copy the repository to `destination`, dot files, modes and links included; what was there goes.

    s2i's upload is removed as far as this user may, so that it is not in the image twice.
    """
    if repository.resolve() == destination.resolve():
        return
    destination.mkdir(parents=True, exist_ok=True)
    _empty(destination)
    names = os.listdir(repository)
    for name in sorted({*names} - {*_not_of_the_repository(str(repository), names)}):
        _bring_entry(repository / name, destination / name)
    if repository == UPLOADED:
        _empty(repository, best_effort=True)


def _chosen(repository: Path, names: Sequence[str], setting: str) -> tuple[Path, ...]:
    """Return `names` as paths; raise NotebookNotFound with all that are not files of the repository."""
    wanted = [Path(os.path.normpath(name)) for name in names]
    missing = [str(path) for path in wanted if not _is_inside(repository, path)]
    if missing:
        there = next((group for group in candidates.groups(repository) if group), [])
        known = candidates.listed(there) or "no notebook at all"
        raise NotebookNotFound(setting=setting, chosen=", ".join(map(repr, missing)), names=known)
    return tuple(wanted)


def _is_inside(repository: Path, path: Path) -> bool:
    return not path.is_absolute() and ".." not in path.parts and (repository / path).is_file()


def _not_of_the_repository(folder: str, names: list[str]) -> list[str]:
    """Return the entries of a local folder that git would not have: s2i never uploads them."""
    made = {".git", ".ipynb_checkpoints", "__pycache__"}
    return [name for name in names if name in made or os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))]


def _bring_entry(entry: Path, target: Path) -> None:
    """Copy one entry; never the rights of APP_ROOT/src itself, which another user may own."""
    if entry.is_dir() and not entry.is_symlink():
        shutil.copytree(entry, target, symlinks=True, ignore=_not_of_the_repository, copy_function=_copy)
    elif entry.is_symlink():
        target.symlink_to(os.readlink(entry))
    else:
        _copy(str(entry), str(target))


def _copy(source: str, target: str) -> None:
    """Copy one file with its mode but not its times' precision or owner: a foreign UID may not set them."""
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
            # s2i's upload belongs to another user when the build runs under a foreign UID.
            if not best_effort:
                raise
