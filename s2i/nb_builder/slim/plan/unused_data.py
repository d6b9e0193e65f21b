"""Folders of data alone: what wheels bring beside their code, such as fonts, sample tables and templates."""

import ast
import os
import warnings
from collections.abc import Collection, Iterable

from nb_builder.common import installed
from nb_builder.common.installed import Distribution

_ITS_PACKAGE = "__init__.py"
_HAS_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def folders(held: Iterable[Distribution]) -> set[str]:
    """Return the folders in packages that hold files, and no code but what makes a package of them.

    Data beside code is found by that code in ways that cannot be seen; metadata and libraries are no data.
    """
    return {folder for each in held for folder in _by_folder(each)}


def unread(each: Distribution, in_use: Collection[str], sources: Iterable[str]) -> set[str]:
    """Return the data files of a distribution of whose folder nothing is `in_use` or named in `sources`.

    `sources` are files of code; what a docstring or a comment names does not count. A folder is one thing:
    who reads one font of it may want another next time. So are folders of one kind of file: who reads the time
    zone of Europe/Berlin may want that of Asia/Tokyo, which is in another one.
    """
    found = _by_folder(each)
    kinds = _kinds(file for files in found.values() for file in files if file in in_use)
    waiting = {
        folder: files
        for folder, files in found.items()
        if not any(map(in_use.__contains__, files)) and not _kinds(files) <= kinds
    }
    for source in sources if waiting else ():
        waiting = {folder: files for folder, files in waiting.items() if not _names_one(source, files)}
    return {file for files in waiting.values() for file in files if not installed.is_module(file)}


def _kinds(files: Iterable[str]) -> set[str]:
    """Return the suffixes of the data among `files`."""
    return {os.path.splitext(file)[1] for file in files if os.path.basename(file) != _ITS_PACKAGE}


def _by_folder(each: Distribution) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for file in each.files:
        found.setdefault(os.path.dirname(file), []).append(file)
    return {folder: files for folder, files in found.items() if _is_data(folder, files)}


def _is_data(folder: str, files: Iterable[str]) -> bool:
    if "/site-packages/" not in folder or installed.is_metadata(folder):
        return False
    others = [file for file in files if os.path.basename(file) != _ITS_PACKAGE]
    return bool(others) and not any(installed.is_module(one) or installed.is_shared_object(one) for one in others)


def _names_one(source: str, files: Iterable[str]) -> bool:
    """Return whether the code in the file `source` names one of `files`."""
    with open(source, "rb") as file:
        code = file.read()
    names = [name for name in map(os.path.basename, files) if os.fsencode(name) in code]
    if not names or not source.endswith(".py"):
        return bool(names)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return True
    texts = _texts(tree)
    return any(name in text for text in texts for name in names)


def _texts(tree: ast.Module) -> list[str]:
    """Return the texts in a module's code, without its docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, _HAS_DOCSTRING) and node.body and isinstance(node.body[0], ast.Expr)
    }
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings)
    return [node.value for node in constants if isinstance(node.value, str)]
