"""runtime.txt (Binder, Heroku) and .python-version (pyenv, uv): the Python, and no packages."""

import re
from pathlib import Path

from nb_builder.requirements.sources import text
from nb_builder.requirements.sources.base import Said

NAMES = ("runtime.txt", ".python-version")

_VERSION = re.compile(r"^(?:c?python-?)?(3\.\d{1,2})(?:$|[.\s@-])", re.MULTILINE)


def read(path: Path) -> Said | None:
    """Return the minor version that the file names; None for another language, a name, or Python 2."""
    match = _VERSION.search(text.read(path))
    return Said(python=f"=={match[1]}.*") if match else None
