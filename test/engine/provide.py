"""Rules of providing: what may be installed here, where it is kept, and how a lack is said."""

import os
import shutil
import subprocess
from pathlib import Path

import shared

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".nb-builder" / "downloads"


class Missing(Exception):
    """Something that image tests need is not here and can't be provided; the text says what to install."""


def say(words: str) -> None:
    """Tell the reader what is about to be done to this machine."""
    shared.say(f"---> {words}")


def required() -> bool:
    """Return whether image tests must run: a lack is then a failure."""
    return bool(os.environ.get("CI") or os.environ.get("NB_REQUIRE_IMAGE"))


def is_root_on_debian() -> bool:
    """Return whether packages may be installed here by apt-get."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt(*packages: str) -> None:
    """Install Debian packages, or raise Missing where that is not ours to do."""
    if not is_root_on_debian():
        raise Missing(f"install {', '.join(packages)} (or run as root on Debian)")
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with shared.alone("apt-get"):
        say(f"apt-get install {' '.join(packages)}")
        call("apt-get", "update", "-q", env=environ)
        call("apt-get", "install", "-q", "-y", "--no-install-recommends", *packages, env=environ)


def call(*command: str, **options: object) -> str:
    """Return the command's stdout; raise Missing with its last words where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        raise Missing(f"{' '.join(command[:4])}… failed: {(done.stderr or done.stdout)[-2000:]}")
    return done.stdout
