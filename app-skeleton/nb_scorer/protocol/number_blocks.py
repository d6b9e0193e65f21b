"""Samples that are rows of a numeric array, in a binary format that avoids converting each number to text and back.

A block is the struct module's letter for the type, "<" or ">" for the byte order, the number of dimensions, each
dimension, and the values in row order.
"""

import array
import math
import struct
import sys

_HEAD = struct.Struct("!ccB")
# Types for which the array module has no letter.
_OF_STRUCT = "?e"


def pack(code, order, shape, raw):
    """Return the block for the values in `raw`, an array of `shape`; the first dimension counts the samples."""
    sizes = struct.pack("!{}Q".format(len(shape)), *shape)
    return b"".join([_HEAD.pack(code.encode("ascii"), order.encode("ascii"), len(shape)), sizes, raw])


def unpack(block):
    """Return the samples in a block: numbers or nested lists of them."""
    code, order, dimensions = _HEAD.unpack_from(block)
    shape = struct.unpack_from("!{}Q".format(dimensions), block, _HEAD.size)
    raw = memoryview(block)[_HEAD.size + 8 * dimensions :]
    return nest(values(code.decode("ascii"), order.decode("ascii"), raw), shape)


def values(code, order, raw):
    """Return the values in `raw`, with None for NaN and infinities, which JSON does not have."""
    if code in _OF_STRUCT:
        flat = list(struct.unpack("{}{}{}".format(order, len(raw) // struct.calcsize(code), code), raw))
    else:
        numbers = array.array(code)
        numbers.frombytes(raw)
        if (order == "<") != (sys.byteorder == "little"):
            numbers.byteswap()
        flat = numbers.tolist()
    # One sum is faster than checking each number: it is finite only if all numbers are.
    if code in "efd" and not math.isfinite(sum(flat)) and not all(map(math.isfinite, flat)):
        flat = [value if math.isfinite(value) else None for value in flat]
    return flat


def nest(flat, shape):
    """Return `flat` as nested lists of `shape`, which has at least one dimension."""
    for size in reversed(shape[1:]):
        flat = [flat[at : at + size] for at in range(0, len(flat), size)]
    return flat
