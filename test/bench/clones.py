"""Clones of public repositories, which the benches of notebooks keep."""

import os
import shutil
import subprocess
from pathlib import Path

FETCH_SECONDS = 600


def fetch(url: str, clone: Path, commit: str = "") -> str:
    """Clone a repository, with its history if a commit is wanted, unless it is there; return why it can't be."""
    if (clone / ".git").exists():
        return ""
    shutil.rmtree(clone, ignore_errors=True)
    depth = [] if commit else ["--depth", "1"]
    commands = [["git", "clone", "--quiet", *depth, "--", url, clone]]
    if commit:
        commands.append(["git", "-C", clone, "checkout", "--quiet", "--force", commit])
    # Nobody is there to be asked for a password.
    environ = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    for command in commands:
        try:
            ran = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=FETCH_SECONDS)
        except subprocess.TimeoutExpired:
            shutil.rmtree(clone, ignore_errors=True)
            return f"no end after {FETCH_SECONDS} seconds"
        if ran.returncode:
            return (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
    return ""
