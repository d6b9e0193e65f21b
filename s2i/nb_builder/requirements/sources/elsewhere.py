"""Handles lines of a requirements file that are valid only on the machine where it was written."""

import os
import re
from collections.abc import Iterable
from datetime import datetime, timezone

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

# Packages that exist for one system only, by the marker of that system.
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
    """Return the normalised name of a line's package; "" for an option, a path or a URL."""
    match = _NAME.match(line)
    return canonicalize_name(match[1]) if match and "://" not in line.split("@", maxsplit=1)[0] else ""


def portable(lines: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return (the lines in a portable form, notes on what was changed).

    A package for another system gets a marker. A file of another machine is replaced by the package's name, with the
    version if the file's name has one; a file that exists here is left alone.
    """
    result: list[str] = []
    systems: dict[str, list[str]] = {}
    files: list[str] = []
    build_times: list[int] = []
    for line in lines:
        name = name_of(line)
        local = _LOCAL.match(line)
        if name in ONLY_ON and ";" not in line:
            systems.setdefault(ONLY_ON[name], []).append(name)
            result.append(f"{_taken(line, local)} ; sys_platform == '{ONLY_ON[name]}'")
        elif local and not os.path.exists(local["path"]):
            files.append(_taken(line, local))
            build_times += [int(match[1]) for match in _BUILT.finditer(local["path"])]
            result.append(files[-1])
        else:
            result.append(line)
    return result, [*_of_systems(systems), *_of_files(files, build_times)]


def _taken(line: str, local: re.Match | None) -> str:
    """Return a line that names a file of another machine as a requirement by name; any other line unchanged."""
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
    return [
        f"left out, because it is for {_SYSTEMS[system]} only: {', '.join(names)}" for system, names in systems.items()
    ]


def _of_files(files: list[str], build_times: list[int]) -> list[str]:
    if not files:
        return []
    count = "1 line names" if len(files) == 1 else f"{len(files)} lines name"
    lines = ", ".join(files[:3]) + (" and so on" if len(files) > 3 else "")
    note = f"{count} a file on another machine; replaced with {lines}"
    if build_times:
        day = datetime.fromtimestamp(max(build_times), timezone.utc).date().isoformat()
        note += f". conda built the newest on {day}, so S2I_RESOLVE_AS_OF={day} comes close to those packages"
    return [note]
