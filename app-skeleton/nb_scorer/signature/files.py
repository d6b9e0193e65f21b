"""The files of a model folder, named as a signature names them; anything that could be read in two ways is refused."""

import os

from nb_scorer.common import paths


class Odd(Exception):
    """A folder holds what no signature can stand for; the message is the end of a sentence that says what."""


def names(folder):
    """Return the names of all files in `folder` but its signature; raise Odd or OSError.

    Odd are links, which can lead elsewhere a moment later, devices and pipes, and folders without a file.
    """
    found: set = set()
    _walk(str(folder), "", found)
    found.discard(paths.SIGNATURE)
    return found


def _walk(folder, prefix, found):
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    if prefix and not entries:
        raise Odd(f"{shown(prefix.rstrip('/'))} is an empty folder")
    for entry in entries:
        name = prefix + entry.name
        if entry.is_symlink():
            raise Odd(f"{shown(name)} is a symbolic link")
        if entry.is_dir(follow_symlinks=False):
            _walk(entry.path, name + "/", found)
        elif entry.is_file(follow_symlinks=False):
            found.add(name)
        else:
            raise Odd(f"{shown(name)} is no file")


def shown(name):
    """Return a name as a sentence can have it: characters that look like others, or like none, as escapes."""
    return ascii(name)[1:-1]


def difference(signed, there):
    """Return what files are missing or too many, as the end of a sentence; "" where none is."""
    missing, extra = sorted(signed - there), sorted(there - signed)
    if missing:
        return f"{shown(missing[0])} is missing"
    return f"{shown(extra[0])} is not signed" if extra else ""
