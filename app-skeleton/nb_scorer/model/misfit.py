"""A sample that is not what the notebook's functions take."""

import itertools

MOST_ERRORS = 10


class Misfit(ValueError):
    """A sample is not what a function takes; `errors` are pairs of a path in the sample and words for a client."""

    def __init__(self, errors):
        self.errors = [(tuple(path), words) for path, words in itertools.islice(errors, MOST_ERRORS)]
        named = [(".".join(map(str, path)), words) for path, words in self.errors]
        super().__init__("; ".join("{}: {}".format(*error) if error[0] else error[1] for error in named))
