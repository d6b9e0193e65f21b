"""Keeps a code object's file name, the notebook's cell, in the pickle, for tracebacks and build errors.

cloudpickle 3.1.3 and later write a constant instead, so that a function has the same bytes wherever it is defined. Our
file names are the same in each build anyway.
"""

import collections
import types

import cloudpickle


def _reduce_code(code):
    constructor, arguments = _reduce(code)
    # Its position depends on the Python version, but no other argument of the constructor equals this text.
    return constructor, tuple(code.co_filename if argument == _PLACE else argument for argument in arguments)


def _place_of(reduce):
    """Return the constant that cloudpickle writes instead of a code's file name, or None if it writes the name."""
    name = "where this code stands"
    texts = [argument for argument in reduce(compile("0", name, "eval"))[1] if isinstance(argument, str)]
    return None if name in texts else next((text for text in texts if text not in ("<module>", "<eval>")), None)


# Releases for Python 3.7 and older have no such table, and write the file name.
_TABLE = getattr(cloudpickle.Pickler, "dispatch_table", {})
_reduce = _TABLE.get(types.CodeType)
_PLACE = None if _reduce is None else _place_of(_reduce)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    if _PLACE is not None:
        dispatch_table = collections.ChainMap({types.CodeType: _reduce_code}, _TABLE)


def dump(value, file):
    """Pickle `value` like cloudpickle, but keep file names of code."""
    _Pickler(file).dump(value)
