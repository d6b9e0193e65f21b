# ruff: noqa: D102, S311 - as short as a library's code for a test may be
"""Models of rows for fixtures: a call costs the same however many rows it gets, as one of a real library does.

It is installed from a wheel, so that a build takes it for a library instead of the notebook's own code.
"""

import random
import time

# What a call costs, next to its rows.
SECONDS = 0.001


class Model:
    """Adds up the numbers of each row."""

    def predict(self, rows):
        time.sleep(SECONDS)
        return [sum(row) for row in rows]

    def transform(self, rows):
        time.sleep(SECONDS)
        return [[2 * value for value in row] for row in rows]

    def fit_transform(self, rows):
        return self.transform(rows)

    def kneighbors(self, rows):
        """Return (distances, indexes)."""
        time.sleep(SECONDS)
        return [[abs(value - row[0]) for value in row] for row in rows], [[int(value) for value in row] for row in rows]

    def run(self, names, inputs):
        """Return a list of outputs, as a session of ONNX Runtime does."""
        time.sleep(SECONDS)
        return [next(iter(inputs.values())).sum(axis=1)]


class Words:
    """Counts the words, and the letters, of each text."""

    def transform(self, texts):
        time.sleep(SECONDS)
        return [[len(text.split()), len(text)] for text in texts]


class Texts:
    """Shows each row with the types of its values."""

    def transform(self, rows):
        time.sleep(SECONDS)
        return [repr(list(row)) for row in rows]


class Table:
    """Takes a DataFrame and adds up its numbers by row."""

    def predict(self, frame):
        # Far more than what pandas does for one sample, also where other builds keep the machine busy.
        time.sleep(16 * SECONDS)
        return frame.sum(axis=1, numeric_only=True).to_numpy()


class Array:
    """Takes an array and adds it up by row."""

    def predict(self, array):
        time.sleep(SECONDS)
        return array.sum(axis=1)


class Categories:
    """Knows the names of some categories, and raises ValueError for another."""

    def __init__(self, names):
        self.names = list(names)

    def transform(self, names):
        time.sleep(SECONDS)
        return [self.names.index(name) for name in names]


class Strict(Model):
    """Raises ValueError for all rows where one of them is too large."""

    def predict(self, rows):
        if any(value > 1000 for row in rows for value in row):
            raise ValueError("Input contains a value too large.")
        return super().predict(rows)


class Quick:
    """A call costs next to nothing."""

    def predict(self, rows):
        return [sum(row) for row in rows]


class Slow:
    """A call takes longer than a verification has time for."""

    def predict(self, rows):
        time.sleep(0.15)
        return [sum(row) for row in rows]


class Scaled(Model):
    """Divides by the largest value of all rows together."""

    def transform(self, rows):
        time.sleep(SECONDS)
        largest = max(abs(value) for row in rows for value in row) or 1
        return [[value / largest for value in row] for row in rows]


class Noisy(Model):
    """Answers with noise."""

    def predict(self, rows):
        return [value + random.random() for value in super().predict(rows)]


class Seeded(Model):
    """Draws the same random numbers in each call, one a row."""

    def predict(self, rows):
        drawn = random.Random(0)
        return [value + drawn.random() for value in super().predict(rows)]


class Sequence(Model):
    """Takes rows for the steps of one sequence."""

    def predict(self, rows):
        sums = super().predict(rows)
        return [max(sums[: index + 1]) for index in range(len(sums))]


class Large(Model):
    """Answers otherwise where it gets more than 20 rows."""

    def predict(self, rows):
        return [value + (len(rows) > 20) for value in super().predict(rows)]


class Rare(Model):
    """Answers otherwise where a row among them begins with a negative number."""

    def predict(self, rows):
        return [value + any(row[0] < 0 for row in rows) for value in super().predict(rows)]


class Counting(Model):
    """Counts its rows."""

    def __init__(self):
        self.count = 0

    def predict(self, rows):
        self.count += len(rows)
        return [self.count for _ in super().predict(rows)]


class InPlace(Model):
    """Doubles the rows that it gets, themselves."""

    def transform(self, rows):
        time.sleep(SECONDS)
        for row in rows:
            row[:] = [2 * value for value in row]
        return rows


class Covariance(Model):
    """Returns a table of all rows against all."""

    def predict(self, rows):
        sums = super().predict(rows)
        return [[one * other for other in sums] for one in sums]
