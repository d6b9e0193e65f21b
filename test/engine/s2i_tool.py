"""The real s2i: the one on PATH, or built from its Go module at the version that go.mod says."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from engine import provide

MODULE = provide.ROOT / "test" / "s2i"
PACKAGE = "github.com/openshift/source-to-image"


def program() -> str:
    """Return the path of s2i; raise Missing where it can be neither found nor built."""
    built = provide.KEPT / f"s2i-{version()}"
    if found := shutil.which("s2i"):
        return found
    if not built.exists():
        _build(_go(), built)
    return str(built)


def version() -> str:
    """Return the version of s2i that go.mod asks for, such as `v1.6.3`."""
    lines = (MODULE / "go.mod").read_text().splitlines()
    return next(re.findall(r" (v\S+)", line)[0] for line in lines if f"{PACKAGE} v" in line)


def _build(go: str, to: Path) -> None:
    provide.say(f"building s2i {version()}")
    to.parent.mkdir(parents=True, exist_ok=True)
    half = to.with_suffix(".half")
    provide.call(
        go, "build", "-tags", "exclude_graphdriver_btrfs containers_image_openpgp include_gcs include_oss",
        "-ldflags", f"-X {PACKAGE}/pkg/version.versionFromGit={version()}",
        "-o", str(half), f"{PACKAGE}/cmd/s2i",
        cwd=MODULE, env={**os.environ, "CGO_ENABLED": "0"},
    )  # fmt: skip
    half.rename(to)


def _go() -> str:
    """Return a Go that is new enough: the machine's, or the one that the package index has."""
    wanted = next(line.split()[1] for line in (MODULE / "go.mod").read_text().splitlines() if line.startswith("go "))
    if (found := shutil.which("go")) and _number(_go_version(found)) >= _number(wanted):
        return found
    folder = provide.KEPT / "go"
    own = folder / "bin" / "go"
    if not own.exists():
        provide.say("fetching Go from the package index")
        uv = str(provide.ROOT / ".nb-builder" / "build" / "bin" / "uv")
        lock = provide.ROOT / "s2i" / "requirements.lock"
        provide.call(uv, "venv", "--clear", "--no-project", str(folder))
        provide.call(
            uv, "pip", "install", "--python", str(folder), "--require-hashes", "-c", str(lock), "--group", "s2i",
            cwd=provide.ROOT,
        )  # fmt: skip
    return str(own)


def _go_version(go: str) -> str:
    asked = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True)
    return asked.stdout.strip().removeprefix("go")


def _number(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]
