"""Rows of whatever a notebook has its data in, some of them at random, as the samples that JSON makes of them."""

import random

from nb_scorer.model import json_codec
from nb_scorer.model.feature_bins import MAX_FEATURES

# More rows would make the shares of the bins hardly truer.
MAX_ROWS = 10000
# What the rows of one data set may hold together: it is written as JSON and read again.
MAX_VALUES = 200000
_SEED = 20


class NoRows(Exception):
    """It holds no rows; the message is the end of a sentence that says why."""


class Rows(object):
    """Some rows of a data set as decoded JSON, `of` how many it has, and how many columns were `left_out`.

    `size` is the bytes of their JSON.
    """

    def __init__(self, samples, of, left_out, size):
        self.samples = samples
        self.of = of
        self.left_out = left_out
        self.size = size


def of(data):
    """Return the Rows of a list, array, series, table or sparse matrix; raise NoRows.

    Nothing of `data` is changed or kept, and no random number of the notebook's is drawn. Its own methods may raise
    anything.
    """
    shape = _shape(data)
    if not shape or not shape[0]:
        raise NoRows("it has no rows" if shape else "it is a {}".format(_kind(data)))
    if len(shape) > 2:
        raise NoRows("its rows are nested ({} dimensions)".format(len(shape)))
    width = shape[1] if len(shape) > 1 else _widest(data)
    columns = min(max(width, 1), MAX_FEATURES)
    count = min(shape[0], MAX_ROWS, max(1, MAX_VALUES // columns))
    # With a generator of its own and a seed: the same build gives the same rows.
    indexes = sorted(random.Random(_SEED).sample(range(shape[0]), count))  # noqa: S311 - no secret
    try:
        text = json_codec.encode(_taken(data, indexes, columns), json_codec.BARE)
        return Rows(json_codec.decode(text), shape[0], max(0, width - columns), len(text))
    except (json_codec.NoJsonForm, ValueError) as error:
        raise NoRows("it has no JSON form ({})".format(error))


def may_be(data):
    """Return whether `data` is something that has rows, be there any or not."""
    return bool(_shape(data))


def _shape(data):
    """Return the lengths of the dimensions of `data`; an empty tuple for what holds no rows."""
    if isinstance(data, (list, tuple)):
        return (len(data),)
    shape = getattr(data, "shape", ())
    is_known = hasattr(data, "iloc") or hasattr(data, "tocsr") or hasattr(data, "to_dicts") or hasattr(data, "tolist")
    return tuple(shape) if is_known and isinstance(shape, tuple) else ()


def _widest(data):
    """Return how many columns the first rows of a list have at most; 1 for what is no list."""
    if not isinstance(data, (list, tuple)):
        return 1
    return max([len(row) for row in data[:100] if isinstance(row, (list, tuple, dict))] or [1])


def _taken(data, indexes, columns):
    """Return these rows with their first columns, in a form that has one in JSON."""
    if isinstance(data, (list, tuple)):
        return [_cut(data[index], columns) for index in indexes]
    if hasattr(data, "to_dicts"):
        # polars: a table, whose columns are chosen by name.
        return data[indexes].select(data.columns[:columns]).to_dicts()
    if hasattr(data, "iloc"):
        rows = data.iloc[indexes]
        return rows.iloc[:, :columns] if rows.ndim > 1 else rows.tolist()
    if hasattr(data, "tocsr"):
        return data.tocsr()[indexes][:, :columns].toarray()
    return data[indexes][:, :columns] if len(data.shape) > 1 else data[indexes]


def _cut(row, columns):
    if isinstance(row, dict):
        return {name: row[name] for name in list(row)[:columns]}
    if isinstance(row, (list, tuple)) and len(row) > columns:
        return list(row[:columns])
    return row


def _kind(data):
    kind: type = type(data)
    return kind.__name__ if kind.__module__ == "builtins" else "{}.{}".format(kind.__module__, kind.__name__)
