"""The cases of one client, counted: each has a name, the client's result, and the expected one."""

import json


class Cases:
    """Cases by their names; no two have the same."""

    def __init__(self):
        self._found = {}

    def add(self, name, call, wanted=True):
        """Note the result of `call`, or its exception, next to the expected one."""
        if name in self._found:
            raise ValueError(f"two cases are called {name!r}")
        try:
            got = call()
        except Exception as error:  # noqa: BLE001 - whatever a client raises, the test says what it should have been
            got = raised(error)
        self._found[name] = [plain(got), plain(wanted)]

    def tell(self):
        """Print all of them as one line of JSON, {name: [got, wanted]}."""
        print(json.dumps(self._found))


def raised(error):
    """Return the kind and the message of an exception, as in a case."""
    return f"{type(error).__name__}: {error}"


def array(values):
    """Return an array of numpy as values that can be compared: datatype, shape and flat values."""
    return [str(values.dtype), list(values.shape), values.ravel().tolist()]


def plain(value):
    """Return a value with bytes, NaN and infinities as text, none of which JSON has."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):  # noqa: PLR0124 - NaN
        return str(value)
    return value
