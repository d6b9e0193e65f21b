"""A mirror of Pythons as a folder that builds mount: archives of this machine's, each made once in a run."""

from collections.abc import Mapping
from pathlib import Path

import pythons
import shared
from engine import provide

# Where builds in containers find it.
MOUNT = "/mirror"
CATALOG = "UV_PYTHON_DOWNLOADS_JSON_URL"
# No catalog is there.
AWAY = {CATALOG: f"file://{MOUNT}/none.json"}


def serve_pythons(*minors: str) -> tuple[Path, Mapping[str, str]]:
    """Return the folder with Pythons of these minor versions, and the variable with which builds use it."""
    folder = shared.folder() / "mirror"
    folder.mkdir(exist_ok=True)
    archives = dict(shared.once(f"python-{minor}", lambda minor=minor: _archive(folder, minor)) for minor in minors)
    name = f"{'-'.join(minors)}.json"
    with shared.alone("mirror"):
        pythons.catalog(folder / name, archives, f"file://{MOUNT}")
    # Builds are another user's.
    for path in (folder.parent, folder, *folder.iterdir()):
        path.chmod(0o755)
    return folder, {CATALOG: f"file://{MOUNT}/{name}"}


def prefix(minor: str) -> tuple[str, Path]:
    """Return the release and the folder of this machine's own Python; raise Missing where pyenv has none."""
    found = pythons.installed().get(minor)
    place = found.path.resolve().parents[1] if found else Path("/usr")
    if found is None or not (place / "lib" / f"libpython{minor}{'m' * (found.number < 8)}.so.1.0").exists():
        raise provide.Missing(f"CPython {minor} of pyenv, with its shared library", f"pyenv install {minor}")
    return found.full, place


def _archive(folder: Path, minor: str) -> tuple[str, Path]:
    release, place = prefix(minor)
    return release, pythons.of_pyenv(folder / f"{minor}.tar.gz", place, minor)
