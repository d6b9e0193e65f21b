"""Lines of a requirements file that hold on the machine where it was written, and nowhere else."""

import re
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

# Packages that exist for one system only, by the marker of the system that they are for.
_WINDOWS = (
    "comtypes",
    "pypiwin32",
    "pyreadline",
    "pyreadline3",
    "pywin32",
    "pywinpty",
    "tensorflow-intel",
    "torch-directml",
    "twisted-iocpsupport",
    "wincertstore",
    "windows-curses",
    "winshell",
    "wmi",
)
_MAC = ("appnope", "pyobjc", "pyobjc-core", "pyobjc-framework-cocoa", "tensorflow-macos", "tensorflow-metal")
ONLY_ON = {**dict.fromkeys(_WINDOWS, "win32"), **dict.fromkeys(_MAC, "darwin")}
_SYSTEMS = {"win32": "Windows", "darwin": "macOS"}

_NAME = re.compile(r"^([A-Za-z0-9][\w.-]*)")
_LOCAL = re.compile(r"^(?P<name>[\w.-]+)(?:\[[^\]]*\])?\s*@\s*file://(?P<path>[^\s;#]+)[^;]*(?P<marker>;.*)?$")
# conda builds in folders such as numpy_1687808356345: the name, and milliseconds since 1970.
_BUILT = re.compile(r"_(1[3-9]\d{8})(\d{3})?\b")


def name_of(line: str) -> str:
    """Return the normalised name of the package that a line asks for; "" for an option, a path or a URL."""
    match = _NAME.match(line)
    return canonicalize_name(match[1]) if match and "://" not in line.split("@", maxsplit=1)[0] else ""


def mended(lines: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the lines as they hold here, and notes for what was changed.

    A package for another system gets a marker. A file of another machine is taken by its name, with the
    version if the file's name has one; one that is there is left alone.
    """
    result: list[str] = []
    systems: dict[str, list[str]] = {}
    files: list[str] = []
    built: list[int] = []
    for line in lines:
        name = name_of(line)
        local = _LOCAL.match(line)
        if name in ONLY_ON and ";" not in line:
            systems.setdefault(ONLY_ON[name], []).append(name)
            result.append(f"{_taken(line, local)} ; sys_platform == '{ONLY_ON[name]}'")
        elif local and not Path(local["path"]).exists():
            files.append(_taken(line, local))
            built += [int(match[1]) for match in _BUILT.finditer(local["path"])]
            result.append(files[-1])
        else:
            result.append(line)
    return result, [*_of_systems(systems), *_of_files(files, built)]


def _taken(line: str, local: re.Match | None) -> str:
    """Return what a line that names a file of another machine asks for here."""
    if local is None:
        return line
    version = _version_of(local["path"].rsplit("/", 1)[-1])
    marker = f" {local['marker']}" if local["marker"] else ""
    return local["name"] + (f"=={version}" if version else "") + marker


def _version_of(file: str) -> str:
    try:
        return str(parse_wheel_filename(file)[1] if file.endswith(".whl") else parse_sdist_filename(file)[1])
    except (InvalidWheelFilename, InvalidSdistFilename):
        return ""


def _of_systems(systems: dict[str, list[str]]) -> list[str]:
    return [f"left out, as it is for {_SYSTEMS[system]} only: {', '.join(names)}" for system, names in systems.items()]


def _of_files(files: list[str], built: list[int]) -> list[str]:
    if not files:
        return []
    what = "1 line names" if len(files) == 1 else f"{len(files)} lines name"
    shown = ", ".join(files[:3]) + (" and so on" if len(files) > 3 else "")
    words = f"{what} a file of another machine; taken as {shown}"
    if built:
        day = datetime.fromtimestamp(max(built), timezone.utc).date().isoformat()
        words += f". conda built the newest on {day}, so that S2I_RESOLVE_AS_OF={day} is near to what was there"
    return [words]
