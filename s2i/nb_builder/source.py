"""The repository: which of its files is the notebook, and how it gets to `$APP_ROOT/src`."""

import os
import shutil
from pathlib import Path

from nb_builder.problems import NotebookAmbiguous, NotebookMissing, NotebookNotFound, SourceMissing

# s2i lays the repository here and leaves it in the image unless assemble takes it away.
UPLOADED = Path("/tmp/src")  # noqa: S108 - s2i's own place


def locate(src: Path, kept: Path) -> Path:
    """Return the folder with the repository: `src`, or `kept` where an earlier assemble emptied `src`.

    Raises SourceMissing where neither holds anything.
    """
    for folder in (src, kept):
        if folder.is_dir() and any(folder.iterdir()):
            return folder
    raise SourceMissing(folder=src)


def find_notebook(repository: Path, chosen: str | None) -> Path:
    """Return the notebook to build, relative to `repository`.

    A sole candidate is taken without asking. Raises NotebookMissing, NotebookAmbiguous or
    NotebookNotFound.
    """
    candidates = notebooks(repository)
    if chosen is not None:
        return _chosen(repository, Path(chosen), candidates)
    if not candidates:
        raise NotebookMissing
    if len(candidates) > 1:
        raise NotebookAmbiguous(count=len(candidates), names=_names(candidates), example=candidates[0])
    return candidates[0]


def notebooks(repository: Path) -> list[Path]:
    """Return the notebooks of the repository, relative to it and sorted.

    Hidden folders never count (Jupyter keeps old copies in .ipynb_checkpoints), nor do virtual
    environments, which ship notebooks of their own.
    """
    found = []
    for folder, inner, files in os.walk(repository):
        here = Path(folder)
        inner[:] = [name for name in inner if not name.startswith(".") and not (here / name / "pyvenv.cfg").exists()]
        found += [(here / name).relative_to(repository) for name in files if name.endswith(".ipynb")]
    return sorted(found)


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


def _chosen(repository: Path, chosen: Path, candidates: list[Path]) -> Path:
    wanted = Path(os.path.normpath(chosen))
    inside = not wanted.is_absolute() and ".." not in wanted.parts
    if inside and (repository / wanted).is_file():
        return wanted
    raise NotebookNotFound(chosen=str(chosen), names=_names(candidates) or "no notebook at all")


def _names(notebooks: list[Path]) -> str:
    """Return at most ten names, the rest as a count: the message must stay readable."""
    names = ", ".join(str(name) for name in notebooks[:10])
    return names + (f" and {len(notebooks) - 10} more" if len(notebooks) > 10 else "")


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
