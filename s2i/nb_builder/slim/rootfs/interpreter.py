"""What an interpreter says of itself: where it is and where its standard library is."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from nb_scorer.protocol import launch

_ASK = """\
import json, os, sys, sysconfig
print(json.dumps([os.path.realpath(sys.executable), "%d.%d" % sys.version_info[:2], "%d.%d.%d" % sys.version_info[:3],
                  sorted({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})]))
"""


@dataclass(frozen=True)
class Interpreter:
    """One Python: the program itself, behind all links, and the folders of its standard library."""

    program: str
    minor: str
    version: str
    library: tuple[str, ...]


def ask(python: Path) -> Interpreter | None:
    """Return what `python` says of itself; None where it does not run."""
    environ = launch.environment(dict(os.environ))
    try:
        told = subprocess.run([python, "-I", "-c", _ASK], env=environ, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    program, minor, version, library = json.loads(told.stdout)
    # In a virtual environment made by an old virtualenv the standard library is linked into it.
    return Interpreter(program, minor, version, tuple(sorted({os.path.realpath(folder) for folder in library})))
