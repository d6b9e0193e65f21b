"""Finds folders of data that packages include with their code, such as fonts, sample tables and templates."""

import ast
import os
import warnings
from collections.abc import Collection, Iterable

from nb_builder.common import installed
from nb_builder.common.installed import Distribution

_ITS_PACKAGE = "__init__.py"
_HAS_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def folders(distributions: Iterable[Distribution]) -> set[str]:
    """Return the folders in packages that contain data, and no code except an `__init__.py`.

    Data next to code doesn't count, because the code may find it in ways that can't be seen; neither do metadata and
    shared libraries.
    """
    return {folder for distribution in distributions for folder in _data_folders(distribution)}


def unread(distribution: Distribution, in_use: Collection[str], sources: Iterable[str]) -> set[str]:
    """Return the data files of a distribution in folders of which nothing is `in_use` or named in `sources`.

    `sources` are code files; names in docstrings and comments don't count. A folder stays or goes as a whole, because
    code that reads one font may read another one next time. The same applies to folders with the same kind of files:
    code that reads the time zone Europe/Berlin may read Asia/Tokyo, which is in another folder.
    """
    data_folders = _data_folders(distribution)
    used_suffixes = _suffixes(file for files in data_folders.values() for file in files if file in in_use)
    unread_folders = {
        folder: files
        for folder, files in data_folders.items()
        if not any(map(in_use.__contains__, files)) and not _suffixes(files) <= used_suffixes
    }
    for source in sources if unread_folders else ():
        unread_folders = {folder: files for folder, files in unread_folders.items() if not _names_any(source, files)}
    return {file for files in unread_folders.values() for file in files if not installed.is_module(file)}


def _suffixes(files: Iterable[str]) -> set[str]:
    """Return the file name suffixes of those `files` that are data, such as ".ttf"."""
    return {os.path.splitext(file)[1] for file in files if os.path.basename(file) != _ITS_PACKAGE}


def _data_folders(distribution: Distribution) -> dict[str, list[str]]:
    folders: dict[str, list[str]] = {}
    for file in distribution.files:
        folders.setdefault(os.path.dirname(file), []).append(file)
    return {folder: files for folder, files in folders.items() if _is_data(folder, files)}


def _is_data(folder: str, files: Iterable[str]) -> bool:
    if "/site-packages/" not in folder or installed.is_metadata(folder):
        return False
    data = [file for file in files if os.path.basename(file) != _ITS_PACKAGE]
    return bool(data) and not any(installed.is_module(file) or installed.is_shared_object(file) for file in data)


def _names_any(source: str, files: Iterable[str]) -> bool:
    """Return whether the code in the file `source` names any of `files`."""
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
    strings = _strings(tree)
    return any(name in string for string in strings for name in names)


def _strings(tree: ast.Module) -> list[str]:
    """Return the strings in a module's code, without its docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, _HAS_DOCSTRING) and node.body and isinstance(node.body[0], ast.Expr)
    }
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings)
    return [node.value for node in constants if isinstance(node.value, str)]
