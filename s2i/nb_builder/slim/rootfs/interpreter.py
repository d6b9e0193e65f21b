"""Queries an interpreter for its version, its real path and its standard library."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from nb_scorer.protocol import launch

from nb_builder.common import programs

_DESCRIBE = """\
import json, os, sys, sysconfig
print(json.dumps([os.path.realpath(sys.executable), "%d.%d" % sys.version_info[:2], "%d.%d.%d" % sys.version_info[:3],
                  sorted({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})]))
"""


@dataclass(frozen=True)
class Interpreter:
    """One Python: its program with all links resolved, and the folders of its standard library.

    `minor` is a version such as 3.11, `version` the full one.
    """

    program: str
    minor: str
    version: str
    library: tuple[str, ...]


def describe(python: Path) -> Interpreter | None:
    """Return the interpreter that `python` starts; None if it doesn't run."""
    environ = launch.environment(dict(os.environ))
    try:
        process = programs.run([python, "-I", "-c", _DESCRIBE], env=environ, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    program, minor, version, library = json.loads(process.stdout)
    # Resolved, because old versions of virtualenv link the standard library into the environment.
    return Interpreter(program, minor, version, tuple(sorted({os.path.realpath(folder) for folder in library})))
