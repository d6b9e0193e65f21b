"""Makes nb-builder's own environments, as s2i/install does, once for all commands."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from nb_builder.cli.installation import Installation
from nb_builder.cli.problems import EnvironmentsNotMade, HomeUnwritable


def ensure(installation: Installation, environ: Mapping[str, str], *options: str) -> None:
    """Make the environments that are missing or of another lock; `options` are s2i/install's.

    What is said goes to stderr. Raise HomeUnwritable or EnvironmentsNotMade.
    """
    home = installation.home
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _locked(home / "install.lock"):
            made = subprocess.run(
                [installation.root / "s2i" / "install", home, *options],
                env={**environ, "NB_BUILDER_PYTHON": sys.executable},
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr,
            )
    except OSError as error:
        raise HomeUnwritable(folder=home, reason=error.strerror or error) from error
    if made.returncode:
        raise EnvironmentsNotMade(folder=home)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock of the whole machine meanwhile: two commands at once must not make the same environment."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("---> Waiting for another nb-builder, which makes its environments", file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def has_disk(folder: Path, size: int) -> bool:
    """Return whether the disk of `folder`, which may not exist yet, has room for `size` bytes."""
    while not folder.exists():
        folder = folder.parent
    stat = os.statvfs(folder)
    return stat.f_bavail * stat.f_frsize >= size
