"""The cases of one client, counted: each has a name, what the client made of an answer, and what it should have."""

import json


class Cases:
    """Cases by their names; no two have the same."""

    def __init__(self):
        self._found = {}

    def add(self, name, call, wanted=True):
        """Note what `call` returns alongside what is wanted; what it raises is what it got."""
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
    """Return the kind and the words of an exception, as a case has them."""
    return f"{type(error).__name__}: {error}"


def array(values):
    """Return an array of numpy as values that can be compared: datatype, shape and flat values."""
    return [str(values.dtype), list(values.shape), values.ravel().tolist()]


def plain(value):
    """Return a value with bytes as text, and NaN and infinities as words, neither of which JSON has."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):  # noqa: PLR0124 - NaN
        return str(value)
    return value
