"""Compiles every module in the tree, reproducibly, so that no start of the image compiles anything."""

import errno
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from nb_scorer.protocol import launch

from nb_builder.common import programs
from nb_builder.slim.rootfs import bytecode_program
from nb_builder.slim.tree import Tree


def convert(
    tree: Tree, python: Path, folders: Iterable[str], *, keep_sources: bool, date: int, docstrings: bool = True
) -> int:
    """Compile the modules below `folders` of the tree with the image's `python`; return the number compiled.

    Without `keep_sources` the bytecode replaces its source. `date` is the date that sources will have in the tree, in
    seconds since 1970: Pythons before 3.7 compare it. Without `docstrings` they are emptied.
    """
    locations = [(str(tree.at(folder)), folder) for folder in folders]
    request = {"locations": locations, "keep_sources": keep_sources, "date": date, "docstrings": docstrings}
    # The order of set constants in bytecode depends on the hashes of strings.
    environ = {**launch.environment(dict(os.environ)), "PYTHONHASHSEED": "0"}
    for folder, _ in locations:
        _remove_bytecode(folder)
    # Column positions only serve tracebacks that can show the source line.
    options = ["-sB"] if keep_sources else ["-sB", "-X", "no_debug_ranges"]
    output = _run([str(python), *options, bytecode_program.__file__], json.dumps(request), environ)
    return json.loads(output)["compiled"]


def _run(command: list[str], request: str, environ: dict[str, str]) -> str:
    """Return the command's output for `request`; raise OSError for a full disk, RuntimeError for any other failure."""
    process = programs.run(command, env=environ, input=request)
    if os.strerror(errno.ENOSPC) in process.stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{process.stderr}")
    return process.stdout


def _remove_bytecode(folder: str) -> None:
    for parent, folders, _ in os.walk(folder):
        if "__pycache__" in folders:
            folders.remove("__pycache__")
            shutil.rmtree(os.path.join(parent, "__pycache__"))
