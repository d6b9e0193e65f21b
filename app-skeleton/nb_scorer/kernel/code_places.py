"""Keeps in a pickle where code stands: the notebook's cell, which a service's tracebacks and this build's errors name.

cloudpickle 3.1.3 and later write one constant for the file of each code object, so that the same function has the same
bytes wherever it is defined; here files have the notebook's own names already, which are the same in each build.
"""

import collections
import types

import cloudpickle


def _reduce_code(code):
    constructor, arguments = _reduce(code)
    # It may stand at another place in each version of Python. No other argument of the constructor is this text.
    return constructor, tuple(code.co_filename if argument == _PLACE else argument for argument in arguments)


def _place_of(reduce):
    """Return what cloudpickle writes for the file of code, None where that is its own."""
    name = "where this code stands"
    texts = [argument for argument in reduce(compile("0", name, "eval"))[1] if isinstance(argument, str)]
    return None if name in texts else next((text for text in texts if text not in ("<module>", "<eval>")), None)


# Releases for Python 3.7 and older have no such table, and write the file.
_TABLE = getattr(cloudpickle.Pickler, "dispatch_table", {})
_reduce = _TABLE.get(types.CodeType)
_PLACE = None if _reduce is None else _place_of(_reduce)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    if _PLACE is not None:
        dispatch_table = collections.ChainMap({types.CodeType: _reduce_code}, _TABLE)


def dump(value, file):
    """Write the pickle of `value` as cloudpickle does, and code with its file."""
    _Pickler(file).dump(value)
