import io

import numpy as np
import pytest
from nb_service.backends.batch.formats import npy_array
from nb_service.backends.batch.formats.options import ReadOptions
from nb_service.problems import BatchInput, BatchOutput
from nb_service.protocols.rows import Rows

OPTIONS = ReadOptions(Rows({"type": "array"}))


def npy(array):
    """Return the bytes of an array as numpy writes it."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def read(data):
    """Return all rows."""
    return [row for chunk in npy_array.Reader(io.BytesIO(data), "in.npy", OPTIONS) for row in chunk.rows]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(2500,), (2500, 3), (1200, 2, 2), (0, 3), (1, 1)])
@pytest.mark.parametrize("kind", ["f8", "f4", ">i4", "u1", "?"])
def test_what_numpy_writes_is_read_part_by_part(shape, kind, order):
    array = np.asarray(np.arange(np.prod(shape)).reshape(shape) % 200, kind, order=order)
    assert read(npy(array)) == array.tolist()


def test_a_file_in_the_order_of_columns_is_read_where_it_is(tmp_path):
    array = np.asfortranarray(np.arange(6000).reshape(2000, 3))
    np.save(tmp_path / "in.npy", array)
    with open(tmp_path / "in.npy", "rb") as file:
        assert [row for chunk in npy_array.Reader(file, "in.npy", OPTIONS) for row in chunk.rows] == array.tolist()


NONE = {
    "empty": b"",
    "no shape": b"\x93NUMPY\x01\x00\x02\x00{}",
    "a number": npy(np.array(1.5)),
    "texts": npy(np.array(["a"])),
    "cut": npy(np.zeros((9, 2)))[:-8],
}


@pytest.mark.parametrize("data", NONE.values(), ids=NONE)
def test_what_is_no_array_of_numbers_is_reported(data):
    with pytest.raises(BatchInput, match="in.npy can't be scored: "):
        read(data)


@pytest.mark.parametrize(
    ("parts", "dtype"),
    [
        ([[1, 2], [3]], "int64"),
        ([[1, 2], [3.5]], "float64"),
        ([[True], [False]], "bool"),
        ([[[1, 2.5]], [[3, None]]], "float64"),
        ([[None], [None]], "float64"),
        ([[], []], "float64"),
    ],
)
def test_answers_are_one_array_of_the_type_that_holds_them(parts, dtype):
    sink = io.BytesIO()
    npy_array.write(lambda: iter([part for part in parts if part]), sink, "out.npy")
    array = np.load(io.BytesIO(sink.getvalue()))
    rows = [row for part in parts for row in part]
    assert array.dtype == dtype
    assert np.array_equal(array, np.array(rows, dtype), equal_nan=dtype == "float64")


@pytest.mark.parametrize("parts", [[[1], ["a"]], [[[1]], [[1, 2]]], [[True], [2]], [[1, [2]]]])
def test_answers_that_are_no_array_are_reported(parts):
    with pytest.raises(BatchOutput, match="the predictions are not an array of numbers of one shape"):
        npy_array.write(lambda: iter(parts), io.BytesIO(), "out.npy")
