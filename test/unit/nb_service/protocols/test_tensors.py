import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nb_service.protocols import Malformed, tensors

NUMPY = {"BOOL": "?", **{f"{k}{n}": f"{k.lower()}{n}" for k in ("INT", "UINT") for n in (8, 16, 32, 64)}}
NUMPY |= {"FP16": "f2", "FP32": "f4", "FP64": "f8"}


@pytest.mark.parametrize("datatype", tensors.CODES)
@pytest.mark.parametrize("order", ["<", ">"])
def test_raw_values_are_read_as_numpy_writes_them(datatype, order):
    values = np.array([0, 1, 1, 0, 1]).astype(np.dtype(NUMPY[datatype]).newbyteorder(order))
    assert tensors.unpack(datatype, values.tobytes(), little=order == "<") == values.tolist()


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64"])
def test_nan_and_infinity_have_no_word_and_become_none(datatype):
    raw = np.array([1, math.nan, math.inf], NUMPY[datatype]).tobytes()
    assert tensors.unpack(datatype, raw) == [1, None, None]


def test_lists_in_more_lists_than_a_shape_has_dimensions_are_rejected():
    nested = [1]
    for _ in range(500):
        nested = [nested]
    with pytest.raises(Malformed, match="nested too deeply"):
        tensors.flatten(nested)


def test_half_a_value_is_rejected():
    with pytest.raises(Malformed, match="7 bytes are not a whole number of FP64 values."):
        tensors.unpack("FP64", b"1234567")


@pytest.mark.parametrize("shape", [None, "2", [-1], [1.0], [True], [1] * 33, [2, 0], [1 << 41]])
def test_what_is_no_shape_is_rejected(shape):
    with pytest.raises(Malformed, match="shape"):
        tensors.size_of(shape)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_nested_lists_are_those_of_numpy(shape):
    values = np.arange(math.prod(shape)).reshape(shape)
    nested = tensors.nest(values.ravel().tolist(), shape)
    assert nested == values.tolist()
    assert tensors.flatten(nested) == values.ravel().tolist()
    tensor = tensors.stack(nested)
    assert (tensor.datatype, tensor.shape, tensor.flat) == ("INT64", shape, values.ravel().tolist())
    assert tensors.pack(tensor) == values.astype("<i8").tobytes()


@pytest.mark.parametrize(
    ("values", "datatype"),
    [
        ([True], "BOOL"),
        ([1, 2.5], "FP64"),
        ([1.0, None], "FP64"),
        (["a"], "BYTES"),
        ([2**63], "UINT64"),
        ([-(2**63)], "INT64"),
    ],
)
def test_answers_get_the_datatype_that_holds_them_all(values, datatype):
    assert tensors.stack(values).datatype == datatype


@pytest.mark.parametrize(
    "values", [[], [None], [1, True], [1, "a"], [[1], [1, 2]], [[]], [{}], [-1, 2**63], [2**64], [0.5, 2**53 + 1]]
)
def test_answers_that_no_tensor_holds_exactly_are_none(values):
    assert tensors.stack(values) is None


def test_a_missing_number_is_packed_as_nan():
    assert math.isnan(np.frombuffer(tensors.pack(tensors.stack([1.0, None])), "<f8")[1])
