"""Records in the kernel where a notebook's code finds its files and modules, and restores that in a scorer.

In both processes, the repository comes after the standard library and before the installed packages, as in Jupyter, and
the folders of the repository that the notebook itself added to sys.path are included.
"""

import os
import posixpath
import sys

_PACKAGES = ("site-packages", "dist-packages")

_start: dict = {}


def repository_index(path):
    """Return the index in `path` (as sys.path) at which IPython inserts the working directory."""
    for index, entry in enumerate(path):
        if os.path.basename(entry) in _PACKAGES:
            return index
    return 0


def remember():
    """Record this process's working directory and sys.path before the notebook's code runs."""
    _start.update(folder=os.getcwd(), path=list(sys.path))


def describe(folder):
    """Return the notebook's changes as fields of the manifest; `folder` is the notebook's in the repository.

    `cwd` is the working directory, `path_first` and `path_last` are the entries added at the start and end of sys.path,
    all relative to the repository. Folders outside it are left out, because a service has only the repository.
    """
    notebook_folder = _start.get("folder", os.getcwd())
    root = os.path.realpath(root_of(notebook_folder, folder))
    first, last = _added(_start.get("path", sys.path))
    return {
        "cwd": _inside(root, os.getcwd()) or folder,
        "path_first": _all_inside(root, first, notebook_folder),
        "path_last": _all_inside(root, last, notebook_folder),
    }


def root_of(notebook_folder, folder):
    """Return the repository's folder, given the notebook's and its name `folder` in the repository."""
    depth = 0 if folder == "." else len(folder.split("/"))
    return os.path.normpath(os.path.join(notebook_folder, *[os.pardir] * depth))


def enter(notebook_folder, manifest):
    """Set this process's working directory and sys.path to the notebook's final ones."""
    root = root_of(notebook_folder, manifest.get("folder", "."))
    cwd = os.path.join(root, manifest["cwd"]) if manifest.get("cwd") else notebook_folder
    os.chdir(cwd if os.path.isdir(cwd) else notebook_folder)
    folders = [os.getcwd()] + [notebook_folder] * (os.path.realpath(notebook_folder) != os.getcwd())
    index = repository_index(sys.path)
    sys.path[index:index] = folders
    first = [os.path.join(root, name) for name in manifest.get("path_first", [])]
    if first:
        # Modules that a scorer imports later must not come from the repository.
        import asyncio  # noqa: F401
    sys.path[:0] = first
    sys.path += [os.path.join(root, name) for name in manifest.get("path_last", [])]


def _added(initial):
    """Return (first, last): the entries of sys.path that are not `initial`, before and after the first that is."""
    entries = [entry for entry in sys.path if isinstance(entry, str)]
    start = next((index for index, entry in enumerate(entries) if entry in initial), len(entries))
    return [[entry for entry in part if entry not in initial] for part in (entries[:start], entries[start:])]


def _all_inside(root, entries, notebook_folder):
    names = []
    for entry in entries:
        # A relative entry is relative to the current working directory, which is usually still the notebook's folder.
        candidates = [os.path.abspath(entry), os.path.join(notebook_folder, entry)]
        name = _inside(root, next((path for path in candidates if os.path.exists(path)), candidates[0]))
        if name and name not in names:
            names.append(name)
    return names


def _inside(root, path):
    """Return `path` relative to `root`, "." for root itself, None outside it."""
    relative = os.path.relpath(os.path.realpath(path), root).replace(os.sep, "/")
    outside = relative == os.pardir or relative.startswith(os.pardir + "/")
    return None if outside else posixpath.normpath(relative)
