"""runtime.txt (Binder, Heroku) and .python-version (pyenv, uv), which name a Python and no packages."""

import re
from pathlib import Path

from nb_builder.requirements.sources import text
from nb_builder.requirements.sources.declaration import Packages

NAMES = ("runtime.txt", ".python-version")

_VERSION = re.compile(r"^(?:c?python-?)?(3\.\d{1,2})(?:$|[.\s@-])", re.MULTILINE)


def read(path: Path) -> Packages | None:
    """Return the minor version of Python 3 that the file names; None for another language, an alias, or Python 2."""
    match = _VERSION.search(text.read(path))
    return Packages(python=f"=={match[1]}.*") if match else None
