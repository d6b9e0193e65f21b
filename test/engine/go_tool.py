"""Go: the machine's, or the one that the package index has."""

import os
import shutil
import subprocess
from pathlib import Path

import shared
from engine import provide


def build(module: Path, to: Path, package: str = ".") -> str:
    """Return the path of a program, built: that which the module in this folder is, or a tool of it by its package.

    Raise Missing where it can't be built.
    """
    provide.say(f"building {module.relative_to(provide.ROOT)}")
    command = (program(module), "build", "-o", str(to), package)
    provide.call(*command, cwd=module, env={**os.environ, "CGO_ENABLED": "0"})
    return str(to)


def program(module: Path) -> str:
    """Return a Go that is new enough for the module in this folder; raise Missing if none is available."""
    wanted = next(line.split()[1] for line in (module / "go.mod").read_text().splitlines() if line.startswith("go "))
    if (found := shutil.which("go")) and _number(_go_version(found)) >= _number(wanted):
        return found
    folder = provide.KEPT / "go"
    own = folder / "bin" / "go"
    with shared.alone("go"):
        _fetch(folder, own)
    return str(own)


def _fetch(folder: Path, own: Path) -> None:
    if not own.exists():
        provide.say("fetching Go from the package index")
        uv = str(provide.ROOT / ".nb-builder" / "build" / "bin" / "uv")
        lock = provide.ROOT / "s2i" / "requirements.lock"
        provide.call(uv, "venv", "--clear", "--no-project", str(folder))
        provide.call(
            uv, "pip", "install", "--python", str(folder), "--require-hashes", "-c", str(lock), "--group", "s2i",
            cwd=provide.ROOT,
        )  # fmt: skip


def _go_version(go: str) -> str:
    asked = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True)
    return asked.stdout.strip().removeprefix("go")


def _number(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]
