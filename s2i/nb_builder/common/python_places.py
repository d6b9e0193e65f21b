"""The places where builds search for installed Pythons."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

# Set in the image, and by users who store uv's Pythons elsewhere.
FOLDER_SETTING = "UV_PYTHON_INSTALL_DIR"
BAKED = Path("/opt/python")
_SYSTEM = (Path("/usr/bin"), Path("/usr/local/bin"))
# On macOS, /usr/bin/python3 only offers to install Xcode's tools.
_MAC = (
    ("/opt/homebrew/bin", ""),
    ("/usr/local/bin", ""),
    ("/opt/homebrew/opt", "python@*/bin"),
    ("/usr/local/opt", "python@*/bin"),
    ("/Library/Frameworks/Python.framework/Versions", "*/bin"),
)


def uv_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder where uv installs Pythons."""
    data = environ.get("XDG_DATA_HOME") or os.path.join(environ.get("HOME") or "/nonexistent", ".local/share")
    return Path(environ.get(FOLDER_SETTING) or f"{data}/uv/python")


def candidates(environ: Mapping[str, str], system: str = sys.platform) -> list[Path]:
    """Return every file named python3.N in the usual places: PATH first, then newer patch releases first."""
    folders = [Path(folder) for folder in environ.get("PATH", "").split(os.pathsep) if folder]
    folders += _of_mac() if system == "darwin" else _SYSTEM
    home = Path(environ.get("HOME", "/"))
    pyenv = Path(environ.get("PYENV_ROOT", home / ".pyenv"))
    for place in dict.fromkeys((BAKED, pyenv / "versions", home / ".local/share/uv/python", uv_folder(environ))):
        folders += [installation / "bin" for installation in _newest_first(place)]
    return [path for folder in folders for path in sorted(_in(folder)) if re.fullmatch(r"python3\.\d+", path.name)]


def _of_mac() -> list[Path]:
    return [folder for top, pattern in _MAC for folder in (sorted(Path(top).glob(pattern)) if pattern else [Path(top)])]


def _newest_first(place: Path) -> list[Path]:
    """Return the folders in `place`, links resolved, those with the newest version in their names first.

    uv links `cpython-3.12-…` to its newest patch release; a venv made through that link breaks when the link changes.
    """
    # uv's free-threaded builds have a `+` in their names: few packages have wheels for them.
    found = {path.resolve() for path in _in(place) if "+" not in path.name and os.path.isdir(path)}
    return sorted(found, key=lambda path: (_release(path.name), path.name), reverse=True)


def _in(folder: Path) -> list[Path]:
    """Return the entries of a folder; none if this user may not read it, for example another user's pyenv."""
    try:
        return [folder / name for name in os.listdir(folder)]
    except OSError:
        return []


def _release(name: str) -> tuple[int, ...]:
    """Return the version in the name of an installation such as "cpython-3.12.16-linux-x86_64-gnu"."""
    match = re.search(r"3\.\d+(?:\.\d+)?", name)
    return tuple(int(part) for part in match[0].split(".")) if match else ()
