"""The location of nb-builder's files: a clone, or a folder with the contents of the installed wheel.

Both have the layout of /opt/nb-builder in the image: s2i/, app-skeleton/, Dockerfile, pyproject.toml.
"""

import hashlib
import importlib.metadata
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import nb_builder
from nb_builder.cli.problems import HomeUnwritable

DISTRIBUTION = "nb-builder"
HOME = "NB_BUILDER_HOME"
_CACHES = "XDG_CACHE_HOME"
# The location of each package of the wheel in a clone.
_PACKAGES = {
    "nb_builder": "s2i",
    "nb_native": "s2i",
    "nb_scorer": "app-skeleton",
    "nb_service": "app-skeleton",
    "nb_spark": "app-skeleton",
}
# Files of a clone that are not in a package, as the wheel has them.
_SOURCE = "source"
# The form of the names that `_edition` returns.
_EDITION = re.compile(r"[0-9][^-/]*-py3\.\d+-[0-9a-f]{8}")
# A distinctive name in a clone, the cache folder otherwise; both belong to nb-builder alone.
_CLONE_HOME = ".nb-builder"


class Installation(NamedTuple):
    """`root` has the layout of a clone, and `home` contains the environments; neither need exist yet."""

    root: Path
    home: Path

    def app_root(self, target: str) -> Path | None:
        """Return the folder to build a target in, one per target; None in a clone, where all targets share one."""
        if self.home != self.root.parent:
            return None
        path = Path(target).expanduser()
        name = str(path.resolve()) if path.exists() else target
        readable = re.sub(r"[^A-Za-z0-9]+", "-", name.removesuffix(".git").rstrip("/").rpartition("/")[2]).strip("-")
        return self.home / "apps" / f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def version() -> str:
    """Return the version of the installed wheel, or "0" in a clone, whose version is its commit."""
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return "0"


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return nb-builder's folder in the user's cache; raise HomeUnwritable if the user has no home directory."""
    return _caches(environ) / "nb-builder"


def locate(environ: Mapping[str, str]) -> Installation:
    """Return the current or future installation; raise HomeUnwritable if the user has no home directory."""
    package = Path(nb_builder.__file__).parent
    if not (package / _SOURCE).is_dir():
        root = package.parents[1]
        return Installation(root, Path(environ.get(HOME) or root / _CLONE_HOME).absolute())
    home = Path(environ.get(HOME) or cache_folder(environ) / _edition()).absolute()
    return Installation(home / _SOURCE, home)


def source_file(name: str) -> Path:
    """Return the path of a file that is not in a package; it exists even before the wheel is unpacked."""
    package = Path(nb_builder.__file__).parent
    inside = package / _SOURCE
    return (inside if inside.is_dir() else package.parents[1]) / name


def unpack(installation: Installation) -> None:
    """Unpack the wheel's sources if they are missing; raise HomeUnwritable."""
    package = Path(nb_builder.__file__).parent
    try:
        if (package / _SOURCE).is_dir():
            _unpack(package, installation.root)
    except OSError as error:
        raise HomeUnwritable(folder=installation.home, reason=error.strerror or error) from error


def others(environ: Mapping[str, str], home: Path) -> list[Path]:
    """Return the cache folders of other versions or Pythons than the one in `home`."""
    folder = cache_folder(environ)
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if _EDITION.fullmatch(path.name) and path != home)


def writable_caches(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return variables that move the caches of pip and uv to `home`; none if the user's own caches are writable."""
    try:
        folder = _caches(environ)
    except HomeUnwritable:
        return {_CACHES: str(home / "cache")}
    return {} if is_writable(folder) else {_CACHES: str(home / "cache")}


def is_writable(folder: Path) -> bool:
    """Return whether this user can write to `folder`, or create it."""
    existing = nearest(folder)
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


def nearest(folder: Path) -> Path:
    """Return `folder`, or its nearest existing ancestor that this user may access."""
    # Path.exists raises PermissionError for paths inside a folder that this user may not enter.
    while not os.path.exists(folder):
        folder = folder.parent
    return folder


def _caches(environ: Mapping[str, str]) -> Path:
    if environ.get(_CACHES):
        return Path(environ[_CACHES])
    try:
        return Path.home() / ".cache"
    except RuntimeError as error:
        raise HomeUnwritable(folder="~/.cache", reason="HOME is not set, and the user has no home") from error


def _edition() -> str:
    """Return a folder name for this version, these files and this Python: an upgrade never changes a running one."""
    record = importlib.metadata.distribution(DISTRIBUTION).read_text("RECORD") or ""
    # Scripts of different virtual environments have different shebangs.
    ours = sorted(line for line in record.splitlines() if line.startswith("nb_") and ".pyc," not in line)
    digest = hashlib.sha256("\n".join(ours).encode()).hexdigest()[:8]
    return f"{version()}-py{sys.version_info[0]}.{sys.version_info[1]}-{digest}"


def _unpack(package: Path, root: Path) -> None:
    """Unpack the wheel's files in the layout of a clone; other processes may do the same at once."""
    if root.is_dir():
        return
    root.parent.mkdir(parents=True, exist_ok=True)
    left_out = shutil.ignore_patterns("__pycache__")
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=".unpacking-") as scratch:
        tree = Path(scratch) / "tree"
        shutil.copytree(package / _SOURCE, tree, ignore=left_out)
        for name, folder in _PACKAGES.items():
            shutil.copytree(
                package.parent / name,
                tree / folder / name,
                ignore=lambda place, names, top=package: {
                    *left_out(place, names),
                    *([_SOURCE] if Path(place) == top else []),
                },
            )
        _make_executable(tree / "s2i")
        try:
            os.rename(tree, root)
        except OSError:
            # Another process was faster, and its files are the same.
            if not root.is_dir():
                raise


def _make_executable(folder: Path) -> None:
    """Make scripts executable; not all installers keep the mode."""
    for path in (*folder.iterdir(), *(folder / "bin").iterdir()):
        if path.is_file() and path.read_bytes()[:2] == b"#!":
            path.chmod(0o755)
