"""Locks a folder for building and serving, so that only one command uses it at a time."""

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import Any

from nb_builder.problems.build_problem import BuildProblem


class AppInUse(BuildProblem):
    """Another command is building into the folder or serving from it."""

    code = "app-in-use"
    what_text = "{folder} is in use: {use}."
    why_text = "Its files would change under that command, and its service could mix two models."
    fix_text = "Stop that command first, with Ctrl-C where it was started or with 'kill {pid}'."


class AppLock:
    """An exclusive lock on a folder, held until this process and all that inherit `descriptor` have exited."""

    def __init__(self, app_root: Path, what: str) -> None:
        """Take the lock for the command `what`; raise AppInUse."""
        path = path_of(app_root)
        path.parent.mkdir(parents=True, exist_ok=True)
        # The file is never removed: otherwise, another process could lock a new file with the same name. It is never
        # closed, either: see the class. In /tmp, another user could have made it a link to a file of ours, which must
        # not be truncated.
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self.descriptor)
            raise _in_use(path) from error
        self.note(what)

    def note(self, what: str, **facts: object) -> None:
        """Record what the holder is doing, for the error message of other commands."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, json.dumps({"what": what, "pid": os.getpid(), **facts}).encode("ascii"), 0)


def path_of(app_root: Path) -> Path:
    """Return the lock file of a folder: next to it, because a build replaces its contents."""
    return app_root.with_name(f"{app_root.name}.lock")


def require_none_in_use(home: Path) -> None:
    """Raise AppInUse if a command is building or serving in a folder below `home`."""
    for path in sorted([*home.glob("*.lock"), *home.glob("apps/*.lock"), *home.glob("dev/*/lock")]):
        _require_free(path)


def require_free(app_root: Path) -> None:
    """Raise AppInUse if a command is building or serving in this folder."""
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
    # The note may be incomplete while another process writes it.
    with contextlib.suppress(ValueError):
        facts = json.loads(path.read_text(encoding="utf-8"))
    use = facts.get("what", "another command is using it")
    use += f", process {facts['pid']}" if "pid" in facts else ""
    use += f", on {facts['url']}" if "url" in facts else ""
    return AppInUse(folder=folder, use=use, pid=facts.get("pid", "PID"))
