"""The target of `nb-builder run` or `check` (a folder, notebook or git URL), and the settings in .s2i/environment."""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from nb_scorer.common.problem import SettingInvalid

from nb_builder.common.log import Log
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.repository import author_variables, git

_PYTHON = "S2I_PYTHON"
_URL = re.compile(r"^[a-z+]+://|^[\w.-]+@[\w.-]+:|\.git(#.*)?$")


class NothingGiven(BuildProblem):
    """The target can't be used: not a finding about a repository, but wrong usage."""

    exit_status = 2


class SourceUnnamed(NothingGiven):
    """No target was named."""

    code = "source-unnamed"
    what_text = "No notebook is named."
    why_text = "An empty name could mean this folder, or an unset variable."
    fix_text = "Name a folder, a notebook or a git URL, as in '{nb_builder} run my-folder'."


class SourceUnknown(NothingGiven):
    """The target does not exist."""

    code = "source-unknown"
    what_text = "{named} is neither a folder, a notebook nor a git URL."
    why_text = "No file has that name, and git URLs have a scheme (https://…), a host (git@…:) or end in .git."
    fix_text = "Correct the name; a path is relative to the current folder."


class CloneFailed(NothingGiven):
    """git can't fetch the repository."""

    code = "clone-failed"
    what_text = "git could not clone {url}; its own messages are above."
    why_text = "The address, the branch after '#', the network and your access must all be right."
    fix_text = "Run 'git clone {options}{url}' yourself, and fix the error that it reports."


class CloneWithoutGit(NothingGiven):
    """The target is a git URL, and git is not installed."""

    code = "clone-without-git"
    what_text = "{url} can't be cloned, because git is not installed."
    why_text = "A URL is cloned before the build. Folders and notebooks on this machine are built without git."
    fix_text = "Install git (on Debian: 'apt-get install git'), or name a folder."


class FolderEmpty(NothingGiven):
    """The folder contains no files."""

    code = "folder-empty"
    what_text = "{folder} is empty."
    why_text = "A service is built from a notebook."
    fix_text = "Put a notebook into the folder, or name another folder."


class FolderTooWide(NothingGiven):
    """The notebook is directly in the home or root folder, which is too large to copy."""

    code = "folder-too-wide"
    what_text = "{notebook} is directly in {folder}, and a build would copy all of that folder."
    why_text = "A notebook can read the files next to it, so its whole folder is built."
    fix_text = "Put the notebook, and the files that it reads, into a folder of its own."


class SourceElsewhere(NothingGiven):
    """`nb-builder dev` was called with a git URL."""

    code = "source-elsewhere"
    what_text = "{named} is not on this machine."
    why_text = "'{nb_builder} dev' builds the files that you save, so it needs a folder that you can edit."
    fix_text = "Clone it yourself, and name the folder: git clone {named}"


def is_url(name: str) -> bool:
    """Return whether a name is a git URL, rather than a local path."""
    return bool(_URL.search(name)) and not os.path.exists(os.path.expanduser(name))


def here(name: str) -> tuple[Path, str | None]:
    """Return the folder to build, and the notebook named in it; raise a problem if there is neither."""
    if not name:
        raise SourceUnnamed
    path = Path(name).expanduser()
    if os.path.exists(path):
        return _on_disk(path.resolve())
    raise SourceElsewhere(named=name) if _URL.search(name) else SourceUnknown(named=name)


def require(name: str) -> None:
    """Raise a problem if a name is not a git URL, a local folder or a notebook."""
    if not is_url(name):
        here(name)


@contextlib.contextmanager
def repository(name: str, clone: Path, log: Log, *, history: bool = False) -> Iterator[tuple[Path, str | None]]:
    """Yield the folder to build and the notebook named in it; a clone, shallow without `history`, is removed after."""
    if not is_url(name):
        yield here(name)
        return
    log.step(f"Cloning {name}")
    shutil.rmtree(clone, ignore_errors=True)
    try:
        yield _clone(name, clone, log, history=history), None
    finally:
        shutil.rmtree(clone, ignore_errors=True)


def _clone(url: str, clone: Path, log: Log, *, history: bool) -> Path:
    url, _, branch = url.partition("#")
    if shutil.which("git") is None:
        raise CloneWithoutGit(url=url)
    choice = ["--branch", branch] if branch else []
    depth = [] if history else ["--depth", "1"]
    if not git.clone(url, clone, *depth, *choice):
        branch_option = f"--branch {branch} " if branch else ""
        raise CloneFailed(url=url, options=branch_option)
    if os.path.isfile(clone / ".gitmodules"):
        _fetch_submodules(clone, log)
    return clone


def _fetch_submodules(clone: Path, log: Log) -> None:
    """Fetch the submodules of a clone; only log a failure, because the notebook may not need them."""
    if git.fetch_submodules(clone):
        return
    status = git.facts(clone, "submodule", "status") or ""
    # git marks submodules that aren't checked out with a minus.
    missing = [line.split()[1] for line in status.splitlines() if line.startswith("-")]
    subject = f"the submodule {', '.join(missing)}" if missing else "a submodule of a submodule"
    log.note(f"{subject} could not be fetched (git's messages are above); code that imports or reads it will fail.")


def _on_disk(path: Path) -> tuple[Path, str | None]:
    """Return the repository folder that contains `path`, and the notebook if `path` is one."""
    if os.path.isdir(path):
        if not any(path.iterdir()):
            raise FolderEmpty(folder=path)
        return path, None
    folder = _top(path.parent)
    # Path.home raises for a user without a home directory.
    if folder in (Path(os.path.expanduser("~")), Path("/")):
        raise FolderTooWide(notebook=path.name, folder=folder)
    return folder, str(path.relative_to(folder))


def _top(folder: Path) -> Path:
    """Return the top of the git repository that contains `folder`; without git or a repository, `folder` itself."""
    return git.top_of(folder) or folder


def log_unused_parents(folder: Path, log: Log) -> None:
    """After a failed build of a folder inside a git repository, log that the rest of the repository was not used."""
    top = _top(folder)
    if top != folder and top in folder.parents:
        log.note(
            f"only {folder} was used, without the rest of the git repository {top}. To include it, name the "
            "notebook's file."
        )


def log_ignored_settings(folder: Path, log: Log) -> None:
    """Log the settings that .s2i/environment sets but must not; raise FileRefused."""
    note = author_variables.read(folder).note
    if note:
        log.note(note)


def choice(notebook: str | None) -> dict[str, str]:
    """Return the settings that select `notebook`: a file named by the user overrides .s2i/environment."""
    return {"S2I_SOURCE_NOTEBOOK": notebook, "S2I_SOURCE_NOTEBOOK_LIST": ""} if notebook else {}


def build_environment(
    folder: Path, notebook: str | None, home: Path, app_root: Path, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables for assemble: .s2i/environment, overridden by `environ`, and the folders of the build."""
    ours = {"NB_BUILDER_HOME": str(home), "APP_ROOT": str(app_root), "S2I_SRC": str(folder)}
    return {**settings_of(folder, environ), **ours, **choice(notebook)}


def settings_of(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of .s2i/environment, overridden by `environ`.

    Raises FileRefused. Raises SettingInvalid if the file names a program to start: only `environ` may, because it
    belongs to the user of this machine.
    """
    of_repository = author_variables.read(folder).taken
    python = of_repository.get(_PYTHON, "")
    if _PYTHON not in environ and os.sep in python:
        raise SettingInvalid(
            _PYTHON, python, "a version such as 3.11; a path counts in your own environment, not in .s2i/environment"
        )
    return {**of_repository, **environ}
