"""Bytecode of every module in the tree, made once and the same each time, so that no start compiles anything."""

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from nb_scorer.protocol import launch

from nb_builder.slim.rootfs import bytecode_program
from nb_builder.slim.tree import Tree


def convert(
    tree: Tree, python: Path, folders: Iterable[str], *, keep_sources: bool, date: int, docstrings: bool = True
) -> int:
    """Compile the modules below `folders` of the tree with the image's `python`; return how many there are.

    Without `keep_sources` the bytecode takes the place of its source. `date` is what sources in the tree are
    dated with, in seconds since 1970: Pythons before 3.7 compare it. Without `docstrings` these are empty.
    """
    places = [(str(tree.at(folder)), folder) for folder in folders]
    asked = {"places": places, "keep_sources": keep_sources, "date": date, "docstrings": docstrings}
    # The order of sets in bytecode hangs on the hashes of texts.
    environ = {**launch.environment(dict(os.environ)), "PYTHONHASHSEED": "0"}
    for folder, _ in places:
        _remove_bytecode(folder)
    # Columns point into lines of sources; a traceback shows none where sources are gone.
    options = ["-sB"] if keep_sources else ["-sB", "-X", "no_debug_ranges"]
    return json.loads(_run([str(python), *options, bytecode_program.__file__], json.dumps(asked), environ))["compiled"]


def _run(command: list[str], text: str, environ: dict[str, str]) -> str:
    """Return what the command says of `text`; raise OSError where the disk is full, RuntimeError for all else."""
    ran = subprocess.run(command, env=environ, input=text, capture_output=True, text=True, errors="replace")
    if os.strerror(errno.ENOSPC) in ran.stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if ran.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {ran.returncode}:\n{ran.stderr}")
    return ran.stdout


def _remove_bytecode(folder: str) -> None:
    for place, inner, _ in os.walk(folder):
        if "__pycache__" in inner:
            inner.remove("__pycache__")
            shutil.rmtree(os.path.join(place, "__pycache__"))
