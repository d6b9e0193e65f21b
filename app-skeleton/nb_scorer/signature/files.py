"""Lists the files of a model folder by the names used in signatures; ambiguous entries are rejected."""

import os

from nb_scorer.common import paths


class Odd(Exception):
    """A folder contains an entry that can't be signed; the message completes a sentence that names it."""


def names(folder):
    """Return the names of all files in `folder` except its signature; raise Odd or OSError.

    Raises Odd for links, whose target can change at any time, for devices and pipes, and for folders without files.
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
            raise Odd(f"{shown(name)} is not a regular file")


def shown(name):
    """Return a name for messages, with invisible and confusable characters escaped."""
    return ascii(name)[1:-1]


def difference(signed, there):
    """Return the missing and additional files, as the end of a sentence; "" if there are none."""
    missing, extra = sorted(signed - there), sorted(there - signed)
    if missing:
        return f"{shown(missing[0])} is missing"
    return f"{shown(extra[0])} is not signed" if extra else ""
