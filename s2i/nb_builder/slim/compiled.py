"""Bytecode of every module in the tree, made once and the same each time, so that no start compiles anything."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from nb_scorer import boot

from nb_builder.slim import compile_here
from nb_builder.slim.tree import Tree


def convert(tree: Tree, python: Path, folders: Iterable[str], *, keep_sources: bool, date: int) -> int:
    """Compile the modules below `folders` of the tree with the image's `python`; return how many there are.

    Without `keep_sources` the bytecode takes the place of its source. `date` is what sources in the tree are
    dated with, in seconds since 1970: Pythons before 3.7 compare it.
    """
    places = [(str(tree.at(folder)), folder) for folder in folders]
    asked = {"places": places, "keep_sources": keep_sources, "date": date}
    # The order of sets in bytecode hangs on the hashes of texts.
    environ = {**boot.environment(dict(os.environ)), "PYTHONHASHSEED": "0"}
    for folder, _ in places:
        _remove_bytecode(folder)
    told = subprocess.run(
        [python, "-sB", compile_here.__file__],
        env=environ,
        input=json.dumps(asked),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(told.stdout)["compiled"]


def _remove_bytecode(folder: str) -> None:
    for place, inner, _ in os.walk(folder):
        if "__pycache__" in inner:
            inner.remove("__pycache__")
            shutil.rmtree(os.path.join(place, "__pycache__"))
