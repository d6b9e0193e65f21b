"""npy: an array of samples in, an array of predictions out. Implemented without numpy, so that nothing is unpickled."""

import array
import re
from collections.abc import Sequence

from nb_service.protocols import DEFAULT, Body, Limits, Malformed, Series, tensors
from nb_service.protocols.rows import Rows

CONTENT_TYPE = "application/x-npy"
MAGIC = b"\x93NUMPY"
MAX_HEADER = 10_000
_HEADER = re.compile(
    r"\{\s*'descr':\s*'(?P<order>[<>|=]?)(?P<kind>[a-zA-Z?])(?P<size>[0-9]{0,9})',"
    r"\s*'fortran_order':\s*(?P<fortran>True|False),"
    r"\s*'shape':\s*\((?P<shape>[0-9, ]*)\),?\s*\}\s*"
)
_KINDS = {"b": "BOOL", "u": "UINT", "i": "INT", "f": "FP"}
DTYPES = {"BOOL": "|b1", "INT64": "<i8", "UINT64": "<u8", "FP64": "<f8"}
# Type codes of the array module by size. To reorder numbers, only their size matters.
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
# The number of digits of 2^40, the limit of a dimension (see tensors.size_of).
_MAX_DIGITS = 13


def read(body: bytes, rows: Rows, limits: Limits = DEFAULT) -> Series:
    """Return the rows of the array as samples; raise Malformed."""
    flat, shape = read_array(body, limits)
    if rows.bare and shape[1:2] == [1]:
        shape = [shape[0], *shape[2:]]
    return tensors.samples(flat, shape)


def read_array(body: bytes, limits: Limits = DEFAULT) -> tuple[Sequence, list[int]]:
    """Return the numbers of the array in `body`, in row order, and its shape; raise Malformed for anything else."""
    header, data = _split(body)
    match = _HEADER.fullmatch(header)
    if match is None:
        raise Malformed("The array's header is not that of numbers in an npy file.")
    size = int(match["size"] or 1)
    datatype = _KINDS.get(match["kind"], match["kind"]) + ("" if match["kind"] == "b" else str(8 * size))
    if datatype not in tensors.CODES:
        raise Malformed(f"Arrays of type {match['kind']}{match['size']} are not accepted; send numbers or booleans.")
    shape = _shape(match["shape"])
    if tensors.size_of(shape) * tensors.CODES[datatype][1] != len(data):
        raise Malformed(f"The array of shape {tuple(shape)} does not match its {len(data)} bytes.")
    if not shape:
        raise Malformed("The array has no dimension; send one row per sample.")
    limits.check_samples(shape[0])
    limits.check_built(tensors.list_bytes(shape))
    if match["fortran"] == "True":
        data = _from_fortran(data, tensors.CODES[datatype][1], shape)
    return tensors.Packed(datatype, data, little=match["order"] != ">"), shape


def _shape(text: str) -> list[int]:
    sizes = [size for size in text.replace(" ", "").split(",") if size]
    if any(len(size) > _MAX_DIGITS for size in sizes):
        raise Malformed("The array's shape has an invalid dimension.")
    return [int(size) for size in sizes]


def _split(body: bytes) -> tuple[str, bytes]:
    """Return the header and the data of an npy file of any version; raise Malformed."""
    if body[:6] != MAGIC or len(body) < 12:
        raise Malformed("The body is not an npy file.")
    width = 2 if body[6] == 1 else 4
    begin = 8 + width
    length = int.from_bytes(body[8:begin], "little")
    if length > MAX_HEADER or len(body) < begin + length:
        raise Malformed("The npy file's header is truncated or too long.")
    return body[begin : begin + length].decode("latin-1"), body[begin + length :]


def _from_fortran(data: bytes, size: int, shape: list[int]) -> bytes:
    """Return an array in Fortran order, with numbers of `size` bytes, converted to row order."""
    values, ordered = array.array(_CODES[size], data), array.array(_CODES[size])
    count = shape[0]
    # The positions of a row's values are the same for every row; four bytes hold any position.
    positions, step = array.array("I", [0]), 1
    for length in shape[1:]:
        positions = array.array(
            "I", (position + offset for position in positions for offset in range(0, length * step, step))
        )
        step *= length
    for offset in range(count):
        ordered.extend(map(values[offset::count].__getitem__, positions))
    return ordered.tobytes()


def write(answers: list) -> Body | None:
    """Return the decoded predictions as one array, None if they are not an array of numbers."""
    # NaN has become None, so a list of only None is an array of NaN.
    tensor = tensors.stack(answers) or tensors.stack(answers, floats=True)
    if tensor is None or tensor.datatype not in DTYPES:
        return None
    return Body(head(tensor.datatype, tensor.shape) + tensors.pack(tensor), CONTENT_TYPE)


def head(datatype: str, shape: Sequence[int]) -> bytes:
    """Return the bytes before an array's numbers; `datatype` is one of DTYPES."""
    sizes = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
    header = f"{{'descr': '{DTYPES[datatype]}', 'fortran_order': False, 'shape': ({sizes}), }}"
    # The format aligns the data to 64 bytes.
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return MAGIC + b"\x01\x00" + len(header).to_bytes(2, "little") + header.encode("ascii")
