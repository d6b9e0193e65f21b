"""Archives for Spark of models of the tests, which have an environment of their own."""

import subprocess
import sys
from pathlib import Path

import cloudpickle

from contract.batches import LIMIT, environment
from contract.services import copy_of


def archive_of(app_root: Path, folder: Path) -> Path:
    """Write the archive of a model into `folder`; return it."""
    root = folder / "app"
    root.mkdir(parents=True)
    copy_of(app_root, root)
    # In place of that of the tests, which has hundreds of megabytes that no model here needs.
    (root / "venv").unlink()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--symlinks", root / "venv"], check=True)
    (packages,) = (root / "venv").glob("lib/python*/site-packages")
    (packages / "cloudpickle").symlink_to(Path(cloudpickle.__file__).parent)
    path = folder / f"{folder.name}.zip"
    with open(path, "wb") as file:
        command = [sys.executable, "-I", "-m", "nb_service", "spark-model"]
        ran = subprocess.run(command, stdout=file, stderr=subprocess.PIPE, env=environment(root), timeout=LIMIT)
    assert ran.returncode == 0, ran.stderr.decode()
    return path
