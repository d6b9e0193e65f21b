"""The real s2i: the one on PATH, or built from its Go module at the version that go.mod says."""

import os
import re
import shutil
from pathlib import Path

import shared
from engine import go_tool, provide

MODULE = provide.ROOT / "test" / "s2i"
PACKAGE = "github.com/openshift/source-to-image"


def program() -> str:
    """Return the path of s2i; raise Missing where it can be neither found nor built."""
    built = provide.KEPT / f"s2i-{version()}"
    if found := shutil.which("s2i"):
        return found
    with shared.alone("s2i"):
        _build_if_lacking(built)
    return str(built)


def _build_if_lacking(built: Path) -> None:
    if not built.exists():
        _build(go_tool.program(MODULE), built)


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
