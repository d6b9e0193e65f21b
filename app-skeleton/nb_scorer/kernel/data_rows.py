"""Extracts rows, partly at random, from a notebook's data of any type, as JSON samples."""

import random

from nb_scorer.model import json_codec
from nb_scorer.model.feature_bins import MAX_FEATURES

# More rows would hardly improve the accuracy of the bins.
MAX_ROWS = 10000
# Maximum number of values in a data set's rows, which are converted to JSON and back.
MAX_VALUES = 200000
_SEED = 20


class NoRows(Exception):
    """The data has no rows; the message completes a sentence that explains why."""


class Rows(object):
    """Some rows of a data set as decoded JSON, with `total_rows` its number of rows and `left_out` of omitted columns.

    `size` is the size of their JSON in bytes.
    """

    def __init__(self, samples, total_rows, left_out, size):
        self.samples = samples
        self.total_rows = total_rows
        self.left_out = left_out
        self.size = size


def find_rows(data):
    """Return the Rows of a list, array, series, table or sparse matrix; raise NoRows.

    `data` is neither changed nor kept, and the notebook's random number generators are not used. The data's own methods
    may raise anything.
    """
    shape = _shape(data)
    if not shape or not shape[0]:
        raise NoRows("it has no rows" if shape else "it is a {}".format(_kind(data)))
    if len(shape) > 2:
        raise NoRows("its rows are nested ({} dimensions)".format(len(shape)))
    width = shape[1] if len(shape) > 1 else _widest(data)
    columns = min(max(width, 1), MAX_FEATURES)
    count = min(shape[0], MAX_ROWS, max(1, MAX_VALUES // columns))
    # A separate generator with a fixed seed: the same build gives the same rows.
    indexes = sorted(random.Random(_SEED).sample(range(shape[0]), count))  # noqa: S311 - no secret
    try:
        text = json_codec.encode(_taken(data, indexes, columns), json_codec.BARE)
        return Rows(json_codec.decode(text), shape[0], max(0, width - columns), len(text))
    except (json_codec.NoJsonForm, ValueError) as error:
        raise NoRows("it has no JSON form ({})".format(error))


def may_be(data):
    """Return whether `data` is of a type that has rows, even if it is empty."""
    return bool(_shape(data))


def _shape(data):
    """Return the shape of `data`; an empty tuple if it has no rows."""
    if isinstance(data, (list, tuple)):
        return (len(data),)
    shape = getattr(data, "shape", ())
    is_known = hasattr(data, "iloc") or hasattr(data, "tocsr") or hasattr(data, "to_dicts") or hasattr(data, "tolist")
    return tuple(shape) if is_known and isinstance(shape, tuple) else ()


def _widest(data):
    """Return the maximum number of columns in the first rows of a list; 1 for other data."""
    if not isinstance(data, (list, tuple)):
        return 1
    return max([len(row) for row in data[:100] if isinstance(row, (list, tuple, dict))] or [1])


def _taken(data, indexes, columns):
    """Return these rows with their first columns, as objects that can be converted to JSON."""
    if isinstance(data, (list, tuple)):
        return [_cut(data[index], columns) for index in indexes]
    if hasattr(data, "to_dicts"):
        # polars: columns of a table are selected by name.
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
