"""Runs git, as the only module: to read facts about an untrusted checkout, and to clone.

A checkout's own configuration can name programs for almost everything that git does. `facts` runs git so that it starts
none of them, and connects to no other machine.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

# Older versions ignore the variables that configure all of this.
_OLDEST = (2, 31)
# Seconds. A checkout may contain a FIFO where git expects a file.
TIME_LIMIT = 4
# Seconds, for commands that examine each file.
LONG_LIMIT = 60
# Bytes of git's output; a list of a million new files has less. A checkout's configuration can be of any size.
MAX_OUTPUT = 1 << 27
# Seconds during which a checkout that made git exceed one of these limits is not queried again.
_REST = 60
# The part of this user's environment that git gets: without variables that name another repository, as in a git hook.
_KEPT = (
    *("PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR", "SUDO_UID"),
    *("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"),
)
_SETTINGS = {
    # A folder that looks like a repository but came with a clone is not one.
    "safe.bareRepository": "explicit",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.attributesFile": os.devnull,
    "core.sshCommand": "false",
    "core.pager": "cat",
    "log.showSignature": "false",
    "protocol.allow": "never",
    "credential.helper": "",
    "submodule.recurse": "false",
}
# Otherwise, git would fetch objects that a partial clone lacks.
_NO_FETCH = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
_FILTER = re.compile(r"filter\..+\.(?:clean|smudge|process|required)", re.DOTALL)


def is_there() -> bool:
    """Return whether a usable git is installed."""
    program = shutil.which("git")
    return program is not None and _version(program) >= _OLDEST


def facts(folder: Path, *arguments: str, top: Path | None = None, limit: float = 0) -> str | None:
    """Return git's output about the repository of `folder`; None for an error or another user's checkout.

    With `top`, the repository must be that folder, wherever its configuration places its files. `limit` is the timeout
    in seconds.
    """
    program = shutil.which("git")
    if program is None or _version(program) < _OLDEST or _is_resting(folder):
        return None
    try:
        return _facts(program, folder, arguments, top, limit)
    except _ExceededLimit:
        _late[folder] = time.monotonic()
        return None


def _facts(program: str, folder: Path, arguments: Sequence[str], top: Path | None, limit: float) -> str | None:
    environ = {**_kept(), **_NO_FETCH, "LC_ALL": "C"}
    if top is not None:
        environ |= {"GIT_WORK_TREE": os.path.realpath(top), "GIT_CEILING_DIRECTORIES": os.path.realpath(top.parent)}
    command = [program, "-C", str(folder)]
    listed = _output([*command, "config", "--list", "--name-only", "-z"], {**environ, **_configured(_SETTINGS)})
    if listed is None:
        return None
    filters = {
        name: "false" if name.endswith("required") else "" for name in listed.split("\0") if _FILTER.fullmatch(name)
    }
    return _output([*command, *arguments], {**environ, **_configured({**_SETTINGS, **filters})}, limit)


# Checkouts that made git exceed a limit, and when.
_late: dict[Path, float] = {}


def _is_resting(folder: Path) -> bool:
    """Return whether git has recently exceeded a limit in this folder, its parents or its subfolders."""
    now = time.monotonic()
    return any(
        now - moment < _REST and (folder == late or folder in late.parents or late in folder.parents)
        for late, moment in _late.items()
    )


def top_of(folder: Path) -> Path | None:
    """Return the top of the checkout that contains `folder`, or None."""
    printed = facts(folder, "rev-parse", "--show-toplevel")
    if not printed:
        return None
    top, here = Path(printed), Path(os.path.realpath(folder))
    # A configuration can place its files anywhere.
    is_above = top == here or top in here.parents
    return top if is_above and os.path.lexists(top / ".git") else None


def clone(url: str, target: Path, *options: str) -> bool:
    """Clone the repository at `url`, with git's output on stderr; return whether it succeeded."""
    return _went_well("clone", "--quiet", *options, "--", url, str(target))


def fetch_submodules(checkout: Path) -> bool:
    """Fetch the submodules of a new clone; return whether it succeeded."""
    arguments = ["submodule", "--quiet", "update", "--init", "--recursive", "--depth", "1"]
    return _went_well("-C", str(checkout), *arguments)


def init(folder: Path) -> bool:
    """Make `folder` a repository, unless it is in one; return whether it is a new one."""
    if facts(folder, "rev-parse", "--is-inside-work-tree") is not None or shutil.which("git") is None:
        return False
    command = ["git", "init", "--quiet", str(folder)]
    return subprocess.run(command, env=_without_repository(), capture_output=True).returncode == 0


def _went_well(*arguments: str) -> bool:
    """Return whether git succeeded, with the user's own configuration and programs, as on the command line."""
    own = ["-c", f"core.hooksPath={os.devnull}", "-c", "protocol.ext.allow=never"]
    return subprocess.run(["git", *own, *arguments], env=_without_repository()).returncode == 0


def _kept() -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def _without_repository() -> dict[str, str]:
    """Return the environment without variables that name another repository, which git hooks have."""
    names = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")
    return {name: value for name, value in os.environ.items() if name not in names}


def _configured(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that override all configuration files of git; names may contain any characters."""
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings.items()):
        variables |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


class _ExceededLimit(Exception):
    """git ran or printed for too long, and was killed."""


def _output(command: list[str], environ: Mapping[str, str], limit: float = 0) -> str | None:
    """Return git's output, None for an error; raise _ExceededLimit."""
    try:
        process = subprocess.Popen(
            command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # A group of its own: a program that git has started could keep the pipe open.
            start_new_session=True,
        )
    except (OSError, ValueError):
        return None
    is_late = threading.Event()

    def stop() -> None:
        is_late.set()
        _kill(process)

    timer = threading.Timer(limit or TIME_LIMIT, stop)
    with process:
        try:
            timer.start()
            printed = process.stdout.read(MAX_OUTPUT + 1) if process.stdout else b""
            if len(printed) > MAX_OUTPUT:
                _kill(process)
            process.wait()
        except BaseException:
            _kill(process)
            raise
        finally:
            timer.cancel()
    if is_late.is_set() or len(printed) > MAX_OUTPUT:
        raise _ExceededLimit
    return printed.decode("utf-8", "surrogateescape").strip("\n") if process.returncode == 0 else None


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@cache
def _version(program: str) -> tuple[int, ...]:
    try:
        found = re.search(r"(\d+)\.(\d+)", _output([program, "--version"], _kept()) or "")
    except _ExceededLimit:
        found = None
    return tuple(map(int, found.groups())) if found else (0,)
