import random
import types

import numpy as np
import pandas as pd
import pytest
from nb_scorer.kernel import data_rows
from nb_scorer.kernel.data_rows import MAX_ROWS, NoRows


class Sparse:
    """A sparse matrix as scipy has them, as far as it is asked."""

    def __init__(self, array):
        self.array = array
        self.shape = array.shape

    def tocsr(self):
        """Return itself."""
        return self

    def __getitem__(self, chosen):
        return Sparse(self.array[chosen])

    def toarray(self):
        """Return all values."""
        return self.array


class Polars:
    """A table as polars has them, as far as it is asked."""

    def __init__(self, rows):
        self.rows = rows
        self.columns = list(rows[0])
        self.shape = (len(rows), len(self.columns))

    def __getitem__(self, chosen):
        return Polars([self.rows[index] for index in chosen])

    def select(self, names):
        """Return these columns."""
        return Polars([{name: row[name] for name in names} for row in self.rows])

    def to_dicts(self):
        """Return the rows as objects."""
        return self.rows


TABLE = pd.DataFrame({"age": [20.0, float("nan")], "city": ["Rome", None]}, index=["a", "b"])
OBJECTS = [{"age": 20.0, "city": "Rome"}, {"age": None, "city": None}]


@pytest.mark.parametrize(
    ("data", "samples"),
    [
        ([[1, 2.5], (3, None)], [[1, 2.5], [3, None]]),
        (({"a": 1}, {"a": np.float32(0.5)}), [{"a": 1}, {"a": 0.5}]),
        (["one text", "another"], ["one text", "another"]),
        (np.array([[1.0, np.nan], [np.inf, 2.0]]), [[1.0, None], [None, 2.0]]),
        (np.array([1, 2]), [1, 2]),
        (TABLE, OBJECTS),
        (TABLE["age"], [20.0, None]),
        (Sparse(np.array([[1, 0], [0, 3]])), [[1, 0], [0, 3]]),
        (Polars(OBJECTS), OBJECTS),
    ],
    ids=["lists", "objects", "texts", "array", "vector", "table", "series", "sparse", "polars"],
)
def test_rows_are_what_clients_would_send(data, samples):
    rows = data_rows.find_rows(data)
    assert (rows.samples, rows.total_rows, rows.left_out) == (samples, 2, 0)


@pytest.mark.parametrize("make", [np.asarray, pd.DataFrame, lambda array: Sparse(np.asarray(array)), np.ndarray.tolist])
def test_of_many_rows_and_columns_some_are_taken_all_over(make):
    array = np.arange(20_000).reshape(20_000, 1) + np.zeros((1, 150), int)
    rows = data_rows.find_rows(make(array))
    assert (rows.total_rows, rows.left_out, len(rows.samples)) == (20_000, 50, data_rows.MAX_VALUES // 100)
    first = [next(iter(row.values())) if isinstance(row, dict) else row[0] for row in rows.samples]
    assert first == sorted(set(first)) and first[0] < 100 and first[-1] > 19_900
    assert all(len(row) == 100 for row in rows.samples)


def test_a_million_rows_are_some_rows_and_the_same_each_time():
    data = np.random.default_rng(1).random((1_000_000, 2))
    rows = data_rows.find_rows(data)
    assert (rows.total_rows, len(rows.samples)) == (1_000_000, MAX_ROWS)
    assert data_rows.find_rows(data).samples == rows.samples


def test_the_notebook_s_own_random_numbers_and_data_are_untouched():
    random.seed(1)
    expected = random.Random(1).random()
    data = [[1, 2]] * 100
    assert data_rows.find_rows(data).samples[0] is not data[0]
    assert random.random() == expected


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (0.53, "it is a float"),
        (types.SimpleNamespace(), "it is a types.SimpleNamespace"),
        ({"a": 1}, "it is a dict"),
        ([], "it has no rows"),
        (np.zeros((5, 0, 3)), r"its rows are nested \(3 dimensions\)"),
        (np.zeros((5, 8, 8)), r"its rows are nested \(3 dimensions\)"),
        (np.float64(2), "it is a numpy.float64"),
        ([object()], r"it has no JSON form \(.*\)"),
    ],
)
def test_what_has_no_rows_is_said(data, why):
    with pytest.raises(NoRows, match=f"^{why}$"):
        data_rows.find_rows(data)


def test_a_number_or_a_model_of_that_name_is_no_data():
    assert [data_rows.may_be(data) for data in (None, 0.5, types.SimpleNamespace(), [], TABLE)] == [
        False,
        False,
        False,
        True,
        True,
    ]
