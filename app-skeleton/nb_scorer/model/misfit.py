"""A sample that doesn't fit the notebook's functions."""

import itertools

MAX_ERRORS = 10


class Misfit(ValueError):
    """A sample doesn't fit a function; `errors` are pairs of a path in the sample and a text for the client."""

    def __init__(self, errors):
        self.errors = [(tuple(path), detail) for path, detail in itertools.islice(errors, MAX_ERRORS)]
        named = [(".".join(map(str, path)), detail) for path, detail in self.errors]
        super().__init__("; ".join("{}: {}".format(*error) if error[0] else error[1] for error in named))
