"""What the notebook requires: script one's output, judged line by line before any installer sees it."""

import os
import subprocess
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from nb_builder.problems import RequirementIsOption, RequirementsMalformed, RequirementsNeedPackages
from nb_builder.rewrite.emit_requirements import MALFORMED

# Script one only computes a list; what takes longer waits for something.
_TIME_LIMIT = 60


def collect(script: Path, python: Path, folder: Path, target: Path, notebook: Path) -> list[Requirement]:
    """Run script one with the bare model Python in `folder` and return what it wrote to `target`.

    Raises RequirementsNeedPackages, RequirementsMalformed or RequirementIsOption.
    """
    # -S: nothing but the standard library, as on any other machine; the repository's own modules count.
    environ = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        ran = subprocess.run(
            [python, "-S", script, target],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIME_LIMIT,
        )
    except subprocess.TimeoutExpired:
        raise RequirementsNeedPackages(notebook=notebook, error=f"no end after {_TIME_LIMIT} seconds") from None
    if ran.returncode == MALFORMED:
        raise RequirementsMalformed(reason=ran.stderr.strip(), notebook=notebook)
    if ran.returncode:
        error = (ran.stderr.strip().splitlines() or [f"exit status {ran.returncode}"])[-1]
        raise RequirementsNeedPackages(notebook=notebook, error=error, detail=ran.stderr)
    return [parse(line, notebook) for line in target.read_text(encoding="utf-8").splitlines()]


def parse(line: str, notebook: Path) -> Requirement:
    """Return one line of requirements.txt as a requirement; raise RequirementIsOption or RequirementsMalformed."""
    if line.startswith("-"):
        raise RequirementIsOption(entry=line)
    try:
        return Requirement(line)
    except InvalidRequirement as wrong:
        reason = str(wrong).strip().splitlines()[0]
        raise RequirementsMalformed(reason=f"{line!r} is no requirement ({reason})", notebook=notebook) from None
