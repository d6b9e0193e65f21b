"""Reads dpkg's database of this image: the installed packages, and the files that belong to them."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DPKG = Path("/var/lib/dpkg")
# On a merged system, these top-level folders are links into /usr, and packages list their files under either path.
_MERGED = ("/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/")
# Files that a package creates during installation, and that are therefore not in its list.
_GENERATED = {"/etc/ssl/certs/ca-certificates.crt": "ca-certificates"}


@dataclass(frozen=True)
class Package:
    """One installed package; `paragraph` is its unchanged entry in dpkg's status file."""

    name: str
    version: str
    architecture: str
    source: str
    paragraph: str


def packages(dpkg: Path = DPKG) -> dict[str, Package]:
    """Return the installed packages by name; an empty dict if the image has no dpkg."""
    try:
        text = (dpkg / "status").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    parsed = (_package(paragraph) for paragraph in text.split("\n\n") if paragraph.strip())
    return {package.name: package for package in parsed if package}


def _package(paragraph: str) -> Package | None:
    fields: dict[str, str] = dict(re.findall(r"^([A-Za-z-]+): *(.*)$", paragraph, re.MULTILINE))
    if not fields.get("Status", "").endswith(" installed"):
        return None
    name, version = fields["Package"], fields["Version"]
    return Package(name, version, fields.get("Architecture", "all"), fields.get("Source", name).split()[0], paragraph)


@cache
def lists(dpkg: Path = DPKG) -> dict[str, tuple[str, ...]]:
    """Return {package: the paths in its list, folders included}.

    The result is cached, because each package has its own file.
    """
    paths: dict[str, tuple[str, ...]] = {}
    for listing in sorted((dpkg / "info").glob("*.list")):
        name = listing.stem.split(":")[0]
        lines = listing.read_text(encoding="utf-8", errors="replace").splitlines()
        paths[name] = (*paths.get(name, ()), *lines)
    return paths


def owners(paths: Iterable[str], dpkg: Path = DPKG) -> dict[str, str]:
    """Return {path: name of the package that owns it}, without paths that no package owns.

    Folders are left out, because many packages share them.
    """
    canonical_paths = {_canonical(path): path for path in paths if not os.path.isdir(path)}
    owner_of = {path: _GENERATED[path] for path in canonical_paths.values() if path in _GENERATED}
    for name, lines in lists(dpkg).items():
        for line in lines:
            path = canonical_paths.get(_canonical(line))
            if path is not None:
                owner_of[path] = name
    return owner_of


def _canonical(path: str) -> str:
    merged = path.startswith(_MERGED) and os.path.islink("/" + path.split("/")[1])
    return "/usr" + path if merged else path


def release(file: Path = Path("/etc/os-release")) -> dict[str, str]:
    """Return the fields of os-release, such as ID and VERSION_ID, or an empty dict."""
    if not file.exists():
        return {}
    return dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', file.read_text(encoding="utf-8"), re.MULTILINE))
