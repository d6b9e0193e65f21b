"""The metadata of each distribution in the tree: its RECORD lists what is there, and nothing that was left out."""

import csv
import io
import os
from pathlib import Path

from nb_builder.slim.tree import Tree


def shorten(tree: Tree, environment: str) -> None:
    """Take the description off each METADATA below `environment`: it is the page of an index, and comes last.

    Its fields stay, the licence's text among them where it is one.
    """
    for path in tree.files(environment):
        if path.endswith(".dist-info/METADATA"):
            here = tree.at(path)
            fields, blank, _ = here.read_bytes().partition(b"\n\n")
            if blank:
                here.write_bytes(fields + b"\n")


def correct(tree: Tree, environment: str) -> None:
    """Write each RECORD below `environment` again: without what is gone, bytecode in the place of its source."""
    for path in tree.files(environment):
        if path.endswith(".dist-info/RECORD"):
            place = os.path.dirname(os.path.dirname(path))
            here = tree.at(path)
            here.write_text(listed(here.read_text(encoding="utf-8"), place, tree), encoding="utf-8")


def listed(record: str, place: str, tree: Tree) -> str:
    """Return the lines of `record` that hold in the folder `place` of the tree.

    What was made anew has no digest, as the format has it for files that are not the wheel's.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for name, *rest in csv.reader(record.splitlines()):
        path = os.path.normpath(os.path.join(place, name))
        if tree.holds(path):
            writer.writerow([name, *(rest if _is_as_listed(tree.at(path), rest) else [""] * len(rest))])
        elif name.endswith(".py") and tree.holds(path + "c"):
            writer.writerow([name + "c", *[""] * len(rest)])
    return out.getvalue()


def _is_as_listed(file: Path, rest: list[str]) -> bool:
    """Return whether `file` is the wheel's: all that changes files here makes them shorter."""
    return bool(rest) and rest[-1] == str(file.lstat().st_size)
