"""An application of a notebook with one cell, whose text is kept as a build keeps it, for native programs."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

from nb_scorer.common import paths

from contract import services

CELL = "model.ipynb cell [1]"
# Functions that know the cell which they are from.
MAKE_MODEL = services.MAKE_MODEL.replace('cache["model.ipynb"]', f'cache["{CELL}"]').replace(
    'text, "model.ipynb", "exec"', f'text, "{CELL}", "exec"'
)
assert MAKE_MODEL.count(CELL) == 2


def make(app_root: Path, code: str) -> Path:
    """Fill `app_root` as assemble does, with the model of `code` and the cell's text."""
    text = textwrap.dedent(code).strip("\n") + "\n"
    for folder in (paths.SRC, paths.BUILD):
        (app_root / folder).mkdir(parents=True, exist_ok=True)
    (app_root / "venv").symlink_to(sys.prefix)
    (app_root / paths.BUILD / paths.CELLS).write_text(json.dumps([{"number": 1, "source": text.rstrip("\n")}]))
    command = [sys.executable, "-c", MAKE_MODEL, str(app_root), ""]
    subprocess.run(command, input=text.encode(), check=True, cwd=app_root / paths.SRC)
    return app_root
