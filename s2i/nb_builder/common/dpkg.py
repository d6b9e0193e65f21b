"""What dpkg knows of this image: which package owns a file, and what it says of itself."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DPKG = Path("/var/lib/dpkg")
# Folders at the top that are links into /usr on a merged system; packages name their files by either.
_MERGED = ("/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/")


# Made by a package when it is installed, of what it brings.
_GENERATED = {"/etc/ssl/certs/ca-certificates.crt": "ca-certificates"}


@dataclass(frozen=True)
class Package:
    """One installed package: `paragraph` is its part of dpkg's status, as it is written there."""

    name: str
    version: str
    architecture: str
    source: str
    paragraph: str


def packages(dpkg: Path = DPKG) -> dict[str, Package]:
    """Return the installed packages by name; none where dpkg is not the image's way."""
    try:
        text = (dpkg / "status").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    found = (_package(paragraph) for paragraph in text.split("\n\n") if paragraph.strip())
    return {package.name: package for package in found if package}


def _package(paragraph: str) -> Package | None:
    fields: dict[str, str] = dict(re.findall(r"^([A-Za-z-]+): *(.*)$", paragraph, re.MULTILINE))
    if not fields.get("Status", "").endswith(" installed"):
        return None
    name, version = fields["Package"], fields["Version"]
    return Package(name, version, fields.get("Architecture", "all"), fields.get("Source", name).split()[0], paragraph)


@cache
def lists(dpkg: Path = DPKG) -> dict[str, tuple[str, ...]]:
    """Return {package: the paths that it has brought, folders included}, read once: that is a file for each."""
    found: dict[str, tuple[str, ...]] = {}
    for listing in sorted((dpkg / "info").glob("*.list")):
        name = listing.stem.split(":")[0]
        lines = listing.read_text(encoding="utf-8", errors="replace").splitlines()
        found[name] = (*found.get(name, ()), *lines)
    return found


def owners(paths: Iterable[str], dpkg: Path = DPKG) -> dict[str, str]:
    """Return {path: name of the package that owns it} for those of `paths` that one owns; folders have many."""
    wanted = {_canonical(path): path for path in paths if not os.path.isdir(path)}
    found = {path: _GENERATED[path] for path in wanted.values() if path in _GENERATED}
    for name, lines in lists(dpkg).items():
        for line in lines:
            path = wanted.get(_canonical(line))
            if path is not None:
                found[path] = name
    return found


def _canonical(path: str) -> str:
    merged = path.startswith(_MERGED) and os.path.islink("/" + path.split("/")[1])
    return "/usr" + path if merged else path


def release(file: Path = Path("/etc/os-release")) -> dict[str, str]:
    """Return what os-release says of the system: ID, VERSION_ID and so on."""
    if not file.exists():
        return {}
    return dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', file.read_text(encoding="utf-8"), re.MULTILINE))
