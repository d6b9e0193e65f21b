"""The command `nb-builder` as the reader of a message can type it."""

import os
import shlex
import shutil
from pathlib import Path

NAME = "nb-builder"
ROOT = Path(__file__).parents[3]


def own_command(root: Path = ROOT) -> str:
    """Return `nb-builder` or, in a clone without an installed command, the path of the clone's script."""
    # Only a clone contains a Makefile, unlike a wheel or an image.
    if not (root / "Makefile").is_file() or shutil.which(NAME):
        return NAME
    script = str(root / "s2i" / NAME)
    relative = os.path.relpath(script)
    return shlex.quote(script if relative.startswith(os.pardir) else relative)
