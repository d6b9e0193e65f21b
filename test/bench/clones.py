"""Clones of public repositories, which the benches of notebooks keep."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

FETCH_SECONDS = 600


def fetch(url: str, clone: Path, commit: str = "", folder: Path | None = None) -> str:
    """Clone a repository, with its history if a commit is wanted, unless it is there; return why it can't be.

    If a part of the commit is missing, such as large files in a mirror, `folder` is checked out alone.
    """
    if (clone / ".git").exists():
        return ""
    shutil.rmtree(clone, ignore_errors=True)
    depth = [] if commit else ["--depth", "1"]
    steps = [["clone", "--quiet", *depth, "--no-checkout", "--", url, clone]]
    steps.append(["-C", clone, "checkout", "--quiet", "--force", *([commit] if commit else [])])
    # No password can be typed.
    environ = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1"}
    reasons = [_git(step, environ) for step in steps]
    if reasons[-1] and folder is not None:
        reasons.append(_git(["-C", clone, "checkout", "--quiet", commit, "--", folder], environ))
    return reasons[0] or reasons[-1]


def _git(arguments: Sequence[str | Path], environ: Mapping[str, str]) -> str:
    """Run git; return the last line of its error, or an empty string."""
    try:
        ran = subprocess.run(["git", *arguments], env=environ, capture_output=True, text=True, timeout=FETCH_SECONDS)
    except subprocess.TimeoutExpired:
        return f"git {arguments[0]} took longer than {FETCH_SECONDS} seconds"
    return (ran.stderr.strip().splitlines() or ["no reason given"])[-1] if ran.returncode else ""
