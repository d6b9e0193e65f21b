"""npy: an array of samples in, an array of answers out. Written and read here, so nothing is ever unpickled."""

import re

from nb_service.protocols import Body, Malformed, Series, tensors
from nb_service.protocols.rows import Rows
from nb_service.protocols.tensors import Tensor

CONTENT_TYPE = "application/x-npy"
_MAGIC = b"\x93NUMPY"
_MAX_HEADER = 10_000
_HEADER = re.compile(
    r"\{\s*'descr':\s*'(?P<order>[<>|=]?)(?P<kind>[a-zA-Z?])(?P<size>[0-9]*)',"
    r"\s*'fortran_order':\s*(?P<fortran>True|False),"
    r"\s*'shape':\s*\((?P<shape>[0-9, ]*)\),?\s*\}\s*"
)
_KINDS = {"b": "BOOL", "u": "UINT", "i": "INT", "f": "FP"}
_DTYPES = {"BOOL": "|b1", "INT64": "<i8", "UINT64": "<u8", "FP64": "<f8"}


def read(body: bytes, rows: Rows) -> Series:
    """Return the rows of the array as samples; raise Malformed."""
    tensor = read_tensor(body)
    if not tensor.shape:
        raise Malformed("The array has no dimension; send one row a sample.")
    nested = tensors.nest(tensor.flat, tensor.shape)
    return Series(values=[rows.sample(None, row) if isinstance(row, list) else row for row in nested])


def read_tensor(body: bytes) -> Tensor:
    """Return the array in `body`; raise Malformed for objects, texts and all else that is no number."""
    header, data = _split(body)
    found = _HEADER.fullmatch(header)
    if found is None:
        raise Malformed("The array's header is not that of numbers in an npy file.")
    size = int(found["size"] or 1)
    datatype = _KINDS.get(found["kind"], found["kind"]) + ("" if found["kind"] == "b" else str(8 * size))
    if datatype not in tensors.CODES:
        raise Malformed(f"Arrays of type {found['kind']}{found['size']} are not taken; send numbers or truths.")
    shape = [int(size) for size in found["shape"].replace(" ", "").split(",") if size]
    if tensors.size_of(shape) * tensors.CODES[datatype][1] != len(data):
        raise Malformed(f"The array of shape {tuple(shape)} and its {len(data)} bytes do not match.")
    flat = tensors.unpack(datatype, data, little=found["order"] != ">")
    return Tensor(datatype, shape, _from_fortran(flat, shape) if found["fortran"] == "True" else flat)


def _split(body: bytes) -> tuple[str, bytes]:
    """Return header and data of an npy file of any version."""
    if body[:6] != _MAGIC or len(body) < 12:
        raise Malformed("The body is no npy file.")
    width = 2 if body[6] == 1 else 4
    begin = 8 + width
    length = int.from_bytes(body[8:begin], "little")
    if length > _MAX_HEADER or len(body) < begin + length:
        raise Malformed("The npy file's header is cut or too long.")
    return body[begin : begin + length].decode("latin-1"), body[begin + length :]


def _from_fortran(flat: list, shape: list[int]) -> list:
    """Return the values of an array, stored with the first index fastest, in row order."""
    if len(shape) < 2:
        return flat
    return [value for at in range(shape[0]) for value in _from_fortran(flat[at :: shape[0]], shape[1:])]


def write(answers: list) -> Body | None:
    """Return the decoded `answers` as one array, or None where they are none of numbers."""
    # A NaN is None by now: an array of nothing else is one of NaNs.
    tensor = tensors.stack(answers) or tensors.stack(answers, floats=True)
    if tensor is None or tensor.datatype not in _DTYPES:
        return None
    sizes = ", ".join(map(str, tensor.shape)) + ("," if len(tensor.shape) == 1 else "")
    header = f"{{'descr': '{_DTYPES[tensor.datatype]}', 'fortran_order': False, 'shape': ({sizes}), }}"
    # The data begin at a multiple of 64.
    header += " " * (-(len(header) + 11) % 64) + "\n"
    head = _MAGIC + b"\x01\x00" + len(header).to_bytes(2, "little") + header.encode("ascii")
    return Body(head + tensors.pack(tensor), CONTENT_TYPE)
