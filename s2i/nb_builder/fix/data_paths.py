"""Finds data file paths that point outside the repository although the repository contains the file."""

import filecmp
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nb_builder.common.cell import Cell
from nb_builder.repository import data_files, git_metadata, source_tree

# Comparing larger copies would take longer than a plan may take.
_MAX_COMPARED_BYTES = 1 << 30
_URL = re.compile(r"^\w+://")
# A URL of a file in a repository on GitHub: the repository's name, and the path in it.
_OF_GITHUB = re.compile(
    r"https?://(?:raw\.githubusercontent\.com/[\w.-]+/(?P<name>[\w.-]+)/[\w.-]+"
    r"|github\.com/[\w.-]+/(?P<other>[\w.-]+)/(?:raw|blob)/[\w.-]+)/(?P<path>[^?#]+)(?:\?raw=true)?$"
)


@dataclass(frozen=True)
class Redirect:
    """A path in a cell, as source and as text, and the path of the repository's file with that name."""

    cell: Cell
    literal: str
    path: str
    file: str


def redirects(cells: Sequence[Cell], folder: Path, src: Path) -> list[Redirect]:
    """Return the missing paths in `cells` for which `src` has exactly one file of that name, and its path.

    `folder` is the notebook's folder, to which both paths are relative. Identical copies count as one file.
    """
    by_name: dict[str, list[Path]] = defaultdict(list)
    for file in source_tree.files(src):
        by_name[file.name].append(file)
    found = []
    own_names = _own_names(src)
    for cell in cells:
        for literal, path in data_files.paths(cell):
            if _URL.match(path):
                own = _own_file(path, own_names, src)
                found += [Redirect(cell, literal, path, os.path.relpath(own, folder))] if own else []
                continue
            name = re.split(r"[/\\]", path)[-1]
            files = [src / file for file in by_name.get(name, [])]
            # Path.is_file would raise for names that no file system accepts.
            if files and not os.path.isfile(folder / path) and _are_same(files):
                found.append(Redirect(cell, literal, path, os.path.relpath(files[0], folder)))
    return found


def _own_names(src: Path) -> set[str]:
    """Return possible names of the repository on GitHub: of its folder, and of its remote."""
    cloned_from = re.split(r"[/:+]", git_metadata.origin(src).rstrip("/").removesuffix(".git"))[-1]
    return {name.lower() for name in (src.name, cloned_from) if name}


def _own_file(url: str, own_names: set[str], src: Path) -> Path | None:
    """Return the local file for a URL that points to this repository, so that the build needs no network."""
    match = _OF_GITHUB.match(url)
    name = (match["name"] or match["other"]).lower() if match else ""
    file = src / match["path"] if match and name in own_names else None
    return file if file and os.path.isfile(file) and file.resolve().is_relative_to(src.resolve()) else None


def _are_same(files: Sequence[Path]) -> bool:
    """Return whether all files have the same content; large ones count as different."""
    if len(files) > 1 and os.path.getsize(files[0]) > _MAX_COMPARED_BYTES:
        return False
    return all(filecmp.cmp(files[0], file, shallow=False) for file in files[1:])


def redirected(source: str, found: Sequence[Redirect]) -> str:
    """Return a cell's source with the paths replaced."""
    for redirect in found:
        source = source.replace(redirect.literal, repr(redirect.file))
    return source
