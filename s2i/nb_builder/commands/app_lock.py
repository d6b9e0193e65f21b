"""One command at a time for a folder that is built into and served from."""

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import Any

from nb_builder.problems.build_problem import BuildProblem


class AppInUse(BuildProblem):
    """Another command builds into a folder, or serves from it."""

    code = "app-in-use"
    what_text = "{folder} is in use: {use}."
    why_text = "Its files would change under that command, and its service could mix two models."
    fix_text = "Stop that command first, with Ctrl-C where it was started or with 'kill {pid}'."


class AppLock:
    """The right to a folder, from now until this process, and those that got `descriptor`, have ended."""

    def __init__(self, app_root: Path, what: str) -> None:
        """Take the right for the command `what`; raise AppInUse."""
        path = path_of(app_root)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Never removed: a file of the same name could be locked by somebody else then. Nor closed: see the class. Of a
        # folder in /tmp, another user can make it a link to a file of ours, which would be emptied.
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self.descriptor)
            raise _in_use(path) from error
        self.note(what)

    def note(self, what: str, **facts: object) -> None:
        """Leave word of what is done in the folder, for those who find it in use."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, json.dumps({"what": what, "pid": os.getpid(), **facts}).encode("ascii"), 0)


def path_of(app_root: Path) -> Path:
    """Return the file that stands for the right to a folder: next to it, as a build replaces what is in it."""
    return app_root.with_name(f"{app_root.name}.lock")


def require_none_in_use(home: Path) -> None:
    """Raise AppInUse where a command builds or serves in a folder below `home`."""
    for path in sorted([*home.glob("*.lock"), *home.glob("apps/*.lock"), *home.glob("dev/*/lock")]):
        _require_free(path)


def require_free(app_root: Path) -> None:
    """Raise AppInUse where a command builds or serves in this folder."""
    if path_of(app_root).exists():
        _require_free(path_of(app_root))


def _require_free(path: Path) -> None:
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _in_use(path) from error


def _in_use(path: Path) -> AppInUse:
    folder = path.parent if path.name == "lock" else path.with_suffix("")
    facts: dict[str, Any] = {}
    # It may be just being written.
    with contextlib.suppress(ValueError):
        facts = json.loads(path.read_text(encoding="utf-8"))
    use = facts.get("what", "another command is using it")
    use += f", process {facts['pid']}" if "pid" in facts else ""
    use += f", on {facts['url']}" if "url" in facts else ""
    return AppInUse(folder=folder, use=use, pid=facts.get("pid", "PID"))
