"""What the tests need from this machine: installed where that is allowed, else Missing, which skips the test.

The root user on Debian or Ubuntu gets packages from apt-get. test/conftest.py turns Missing into a skipped test, lists
all of them at the end of the run, and fails them where CI is set.
"""

import os
import shutil
import subprocess
from pathlib import Path

import shared

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".nb-builder" / "downloads"


class Missing(Exception):
    """Something that a test needs is not available: `what`, and `fix`, the command or the step that provides it."""

    def __init__(self, what: str, fix: str):
        super().__init__(f"{what}: {fix}")
        self.what, self.fix = what, fix


def say(line: str) -> None:
    """Print a line about a change to this machine at once, past all that captures output."""
    shared.say(f"---> {line}")


def required() -> bool:
    """Return whether something missing is a failure."""
    return bool(os.environ.get("CI") or os.environ.get("NB_REQUIRE_IMAGE"))


def is_root_on_debian() -> bool:
    """Return whether packages may be installed here with apt-get."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt(what: str, *packages: str) -> None:
    """Install Debian packages, which contain `what`; raise Missing if this is not allowed here or fails."""
    command = f"apt-get install {' '.join(packages)}"
    if not is_root_on_debian():
        raise Missing(what, command)
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with shared.alone("apt-get"):
        say(command)
        # Debian starts a server at its installation. Tests start their own.
        policy = Path("/usr/sbin/policy-rc.d")
        ours = not policy.exists()
        if ours:
            policy.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
            policy.chmod(0o755)
        try:
            wait = "-oDPkg::Lock::Timeout=300"
            if shared.folder() is None:
                _update(environ)
            else:
                shared.once("apt-get-update", lambda: _update(environ))
            call("apt-get", "install", "-q", "-y", wait, "--no-install-recommends", *packages, env=environ)
        finally:
            if ours:
                policy.unlink()


def _update(environ: dict[str, str]) -> None:
    call("apt-get", "update", "-q", env=environ)


def program(name: str, *packages: str) -> str:
    """Return the path of a program, installed from these Debian packages if need be; raise Missing otherwise."""
    found = path(name)
    if not found:
        apt(name, *packages)
        found = path(name)
    if not found:
        raise Missing(name, f"apt-get install {' '.join(packages)}")
    return found


def path(name: str) -> str | None:
    """Return the path of a program, which may be one of the system administrator's, or None."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def call(*command: str, **options: object) -> str:
    """Return the command's stdout; raise Missing with its last output if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        raise Missing(f"{' '.join(command[:4])}… failed", (done.stderr or done.stdout)[-2000:].strip())
    return done.stdout
