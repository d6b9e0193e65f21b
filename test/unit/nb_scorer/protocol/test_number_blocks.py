import json
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nb_scorer.protocol import number_blocks
from nb_service.protocols import tensors

ORDERS = {"<": True, ">": False}


@given(
    st.sampled_from(sorted(tensors.CODES)), st.sampled_from(sorted(ORDERS)), st.integers(0, 6), st.binary(max_size=200)
)
def test_a_block_is_the_samples_that_its_json_would_be(datatype, order, columns, data):
    _, size = tensors.CODES[datatype]
    row = max(1, columns) * size
    raw = data[: len(data) // row * row]
    if datatype == "BOOL":
        raw = bytes(byte & 1 for byte in raw)
    # Without columns, samples are bare numbers.
    shape = [len(raw) // row, columns] if columns else [len(raw) // size]
    series = tensors.samples(tensors.Packed(datatype, raw, ORDERS[order]), shape)
    samples = number_blocks.unpack(series.block)
    assert samples == json.loads(series.array)
    assert list(map(type, samples)) == list(map(type, json.loads(series.array)))


def test_what_json_does_not_have_is_none_and_large_numbers_are_not():
    numbers = [1.5, math.nan, math.inf, -math.inf, 1e308, 1e308]
    block = number_blocks.pack("d", "<", [3, 2], struct.pack("<6d", *numbers))
    assert number_blocks.unpack(block) == [[1.5, None], [None, None], [1e308, 1e308]]
    # Their sum is infinite, and each of them is not.
    assert number_blocks.unpack(number_blocks.pack("d", "<", [2], struct.pack("<2d", 1e308, 1e308))) == [1e308, 1e308]


@pytest.mark.parametrize("order", ORDERS)
def test_several_dimensions_are_nested_lists(order):
    block = number_blocks.pack("i", order, [2, 1, 2], struct.pack(order + "4i", 1, -2, 3, 4))
    assert number_blocks.unpack(block) == [[[1, -2]], [[3, 4]]]


def test_parts_of_rows_are_blocks_of_their_rows():
    series = tensors.samples(tensors.Packed("UINT8", bytes(range(10))), [5, 2])
    parts = list(series.parts(2))
    assert [len(part) for part in parts] == [2, 2, 1]
    assert [number_blocks.unpack(part.block) for part in parts] == [[[0, 1], [2, 3]], [[4, 5], [6, 7]], [[8, 9]]]
    assert [part.array for part in parts] == [b"[[0, 1], [2, 3]]", b"[[4, 5], [6, 7]]", b"[[8, 9]]"]
    assert series.elements == [b"[0, 1]", b"[2, 3]", b"[4, 5]", b"[6, 7]", b"[8, 9]"]
