"""The metadata of each distribution in the tree: its RECORD lists exactly the existing files."""

import csv
import io
import os
from pathlib import Path

from nb_builder.slim.tree import Tree


def shorten(tree: Tree, environment: str) -> None:
    """Remove the description from each METADATA below `environment`: it is the project's page on an index.

    All fields stay, including the licence text if a field has it.
    """
    for path in tree.files(environment):
        if path.endswith(".dist-info/METADATA"):
            metadata = tree.at(path)
            fields, blank, _ = metadata.read_bytes().partition(b"\n\n")
            if blank:
                metadata.write_bytes(fields + b"\n")


def correct(tree: Tree, environment: str) -> None:
    """Rewrite each RECORD below `environment`: without removed files, and with bytecode in place of its source."""
    for path in tree.files(environment):
        if path.endswith(".dist-info/RECORD"):
            site_packages = os.path.dirname(os.path.dirname(path))
            file = tree.at(path)
            file.write_text(existing_lines(file.read_text(encoding="utf-8"), site_packages, tree), encoding="utf-8")


def existing_lines(record: str, folder: str, tree: Tree) -> str:
    """Return the lines of `record` for files that exist below `folder`, the site-packages, in the tree.

    Files that were changed or compiled have neither digest nor size, as the format allows for generated files.
    """
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    for name, *columns in csv.reader(record.splitlines()):
        path = os.path.normpath(os.path.join(folder, name))
        if tree.holds(path):
            writer.writerow([name, *(columns if _is_unchanged(tree.at(path), columns) else [""] * len(columns))])
        elif name.endswith(".py") and tree.holds(path + "c"):
            writer.writerow([name + "c", *[""] * len(columns)])
    return output.getvalue()


def _is_unchanged(file: Path, columns: list[str]) -> bool:
    """Return whether `file` is unchanged since the wheel, judged by its size: all changes made here shorten files."""
    return bool(columns) and columns[-1] == str(file.lstat().st_size)
