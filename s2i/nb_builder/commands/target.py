"""What a user of `make run` or `check` names: a folder, a notebook or a git URL, and the settings kept beside it."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from nb_builder.common.log import Log
from nb_builder.problems.base import BuildProblem

_URL = re.compile(r"^[a-z+]+://|^[\w.-]+@[\w.-]+:|\.git(#.*)?$")


class NothingGiven(BuildProblem):
    """What was named is nothing to look at: no finding about a repository, but a call that can't be meant."""

    exit_status = 2


class SourceUnnamed(NothingGiven):
    """Nothing was named."""

    code = "source-unnamed"
    what_words = "No notebook is named."
    why_words = "An empty name could mean this folder, or be a variable that nobody has set."
    fix_words = "Name a folder, a notebook or a git URL, as in 'make run NOTEBOOK=docs/examples/kmeans'."


class SourceUnknown(NothingGiven):
    """What was named is not there."""

    code = "source-unknown"
    what_words = "{named} is no folder, no notebook and no git URL."
    why_words = (
        "There is no file of that name here, and git URLs have a scheme (https://…), a host (git@…:) or end in .git."
    )
    fix_words = "Correct the name; a path counts from the folder in which the command is given."


class CloneFailed(NothingGiven):
    """git can't fetch the repository."""

    code = "clone-failed"
    what_words = "git could not clone {url}; its own words are above."
    why_words = "The address, the branch after '#', the network and your access must all be right."
    fix_words = "Try 'git clone {url}' yourself, and correct what it complains of."


class FolderEmpty(NothingGiven):
    """The folder has no files."""

    code = "folder-empty"
    what_words = "{folder} is empty."
    why_words = "The service is made of a notebook, and there is none."
    fix_words = "Put a notebook into it, or name another folder."


class FolderTooWide(NothingGiven):
    """The notebook lies where everything else lies, too."""

    code = "folder-too-wide"
    what_words = "{notebook} lies directly in {folder}, and all of that would be copied."
    why_words = "A notebook reads files beside it, so its whole folder is what is built."
    fix_words = "Put the notebook, and the files that it reads, into a folder of its own."


@contextlib.contextmanager
def repository(what: str, clone: Path, log: Log, *, history: bool = False) -> Iterator[tuple[Path, str | None]]:
    """Yield the folder to build and the notebook chosen in it; a clone, shallow without `history`, is removed."""
    if not what:
        raise SourceUnnamed
    path = Path(what).expanduser()
    if path.exists():
        yield _on_disk(path.resolve())
        return
    if not _URL.search(what):
        raise SourceUnknown(named=what)
    log.step(f"Cloning {what}")
    shutil.rmtree(clone, ignore_errors=True)
    try:
        yield _clone(what, clone, log, history=history), None
    finally:
        shutil.rmtree(clone, ignore_errors=True)


def _clone(url: str, clone: Path, log: Log, *, history: bool) -> Path:
    url, _, branch = url.partition("#")
    choice = ["--branch", branch] if branch else []
    depth = [] if history else ["--depth", "1"]
    if subprocess.run(["git", "clone", "--quiet", *depth, *choice, "--", url, clone]).returncode:
        raise CloneFailed(url=url)
    if (clone / ".gitmodules").is_file():
        _fetch_submodules(clone, log)
    return clone


def _fetch_submodules(clone: Path, log: Log) -> None:
    """Fetch the submodules of a clone; what can't be fetched is a note, for the notebook may not need it."""
    words = ["submodule", "--quiet", "update", "--init", "--recursive", "--depth", "1"]
    if subprocess.run(["git", "-C", clone, *words]).returncode == 0:
        return
    status = subprocess.run(["git", "-C", clone, "submodule", "status"], capture_output=True, text=True).stdout
    # git marks with a minus what is not there.
    missing = [line.split()[1] for line in status.splitlines() if line.startswith("-")]
    what = f"the submodule {', '.join(missing)}" if missing else "a submodule of a submodule"
    log.note(f"{what} could not be fetched, git's own words are above; what imports or reads it will fail.")


def _on_disk(path: Path) -> tuple[Path, str | None]:
    """Return the folder of the repository that `path` belongs to, and the notebook if `path` is one."""
    if path.is_dir():
        if not any(path.iterdir()):
            raise FolderEmpty(folder=path)
        return path, None
    folder = _top(path.parent)
    if folder in (Path.home(), Path("/")):
        raise FolderTooWide(notebook=path.name, folder=folder)
    return folder, str(path.relative_to(folder))


def _top(folder: Path) -> Path:
    """Return the top of the git repository that `folder` is in; where there is no git, `folder` itself."""
    git = shutil.which("git")
    if git is None:
        return folder
    found = subprocess.run([git, "-C", folder, "rev-parse", "--show-toplevel"], capture_output=True, text=True)
    return Path(found.stdout.strip()) if found.returncode == 0 else folder


def tell_what_is_above(folder: Path, log: Log) -> None:
    """Say of a failed build of a folder in a git repository that nothing above that folder took part in it."""
    top = _top(folder)
    if top != folder and top in folder.parents:
        log.note(f"only {folder} was taken, and not the git repository {top}; name the notebook's file to have that.")


def choice(notebook: str | None) -> dict[str, str]:
    """Return the settings that choose `notebook`; who names a file means it, whatever .s2i/environment lists."""
    return {"S2I_SOURCE_NOTEBOOK": notebook, "S2I_SOURCE_NOTEBOOK_LIST": ""} if notebook else {}


def s2i_environment(folder: Path) -> dict[str, str]:
    """Return what .s2i/environment sets, read as s2i reads it: NAME=value lines, `#` only at the start."""
    path = folder / ".s2i" / "environment"
    # Whatever bytes there are, as Python has those of the environment.
    lines = os.fsdecode(path.read_bytes()).splitlines() if path.is_file() else []
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}
