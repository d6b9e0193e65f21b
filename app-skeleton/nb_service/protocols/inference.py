"""Converts tensors of Open Inference and TensorFlow Serving to samples, and predictions to tensors.

A single input tensor is a table, and each of its rows is a sample. Several inputs are columns, and a sample is an
object with a value of each. Predictions are stacked into one output, or objects into one output per key.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nb_service.files import NO_FILES, Files
from nb_service.protocols import Limits, Malformed, Series, decode, encode, tensors
from nb_service.protocols.rows import Rows, rows_to_columns
from nb_service.protocols.series import TOGETHER, VALUES, Chunk
from nb_service.protocols.tensors import Tensor

OUTPUT = "output-0"
INPUT = "input-0"
# MLServer's content types: for a request or response whose tensors are columns, for columns of JSON, and for columns of
# texts.
FRAME, FRAME_JSON, TEXTS = "pd", "pd_json", "str"
_LENGTH_BYTES = 4
# The ranges of integer types that are sent as wider types.
_RANGES = {
    "INT8": (-(1 << 7), 1 << 7),
    "INT16": (-(1 << 15), 1 << 15),
    "UINT8": (0, 1 << 8),
    "UINT16": (0, 1 << 16),
}


class Column(NamedTuple):
    """The values of an input in row order, and their shape, whose first dimension counts the rows."""

    flat: Sequence
    shape: list[int]

    @property
    def alone(self) -> "Column":
        """Return the column with bare values if each row is a list of one value; otherwise the column itself."""
        return Column(self.flat, [self.shape[0], *self.shape[2:]]) if self.shape[1:2] == [1] else self


class Output(NamedTuple):
    """An output with its name; `is_json` if its values form no tensor, so that each is a string of JSON."""

    name: str
    tensor: Tensor
    is_json: bool = False

    def content_type(self, *, as_frame: bool) -> str | None:
        """Return the content type for its parameters, if any; `as_frame` is whether outputs are columns."""
        if self.is_json:
            return FRAME_JSON if as_frame else "application/json"
        return TEXTS if as_frame and self.tensor.datatype == "BYTES" else None


def check(name: str, datatype: object, shape: object, limits: Limits) -> int:
    """Return the number of values of an input of `shape`; raise Malformed if shape or datatype is not supported."""
    if not isinstance(datatype, str) or (datatype != "BYTES" and datatype not in tensors.CODES):
        raise Malformed(f"The input {name!r} has an unsupported datatype.")
    count = tensors.size_of(shape)
    if isinstance(shape, list) and shape:
        limits.check_samples(shape[0])
    return count


def from_json_texts(name: str, texts: Sequence) -> list:
    """Return the values of JSON texts, which MLServer's clients send for nested values; raise Malformed."""
    try:
        return [decode(text.encode("utf-8", "surrogatepass"), lenient=True) for text in texts]
    except (AttributeError, Malformed) as error:
        raise Malformed(
            f"The input {name!r} has the content type {FRAME_JSON}, but a value that is not JSON text."
        ) from error


def column(name: str, flat: Sequence, shape: list[int], count: int) -> Column:
    """Return the input's values as a column; raise Malformed unless there are `count`."""
    if len(flat) != count:
        raise Malformed(f"The input {name!r} has {len(flat)} values, but its shape requires {count}.")
    return Column(flat, shape or [1])


def from_bytes(name: str, datatype: str, raw: bytes, files: Files = NO_FILES) -> Sequence:
    """Return the values of an input sent as bytes; numbers stay packed. Raise Malformed if the bytes are truncated."""
    return _texts(name, raw, files) if datatype == "BYTES" else tensors.Packed(datatype, raw)


def files_in(files: Files, content_type: object) -> Files:
    """Return the inputs that contain raw files; none if `content_type`, set by MLServer's clients, is base64."""
    return NO_FILES if content_type == "base64" else files


def check_range(name: str, datatype: str, values: Sequence[int]) -> None:
    """Raise Malformed if whole numbers sent in a wider type exceed the range of their own."""
    low, high = _RANGES.get(datatype, (0, 0))
    if high and values and (min(values) < low or max(values) >= high):
        raise Malformed(f"The input {name!r} has a value that is not {datatype}.")


def text(name: str, raw: bytes, files: Files = NO_FILES) -> str:
    """Return one string of an input, as a data: URL if it is one of the `files`; raise Malformed if it is not UTF-8."""
    if files.takes(name):
        return files.text_of(raw)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"The input {name!r} is not UTF-8; send bytes as base64.") from error


def _texts(name: str, raw: bytes, files: Files) -> list[str]:
    """Return the strings in `raw`, in which the length of each comes first."""
    texts, at = [], 0
    while at < len(raw):
        begin = at + _LENGTH_BYTES
        at = begin + int.from_bytes(raw[at:begin], "little")
        if at > len(raw):
            raise Malformed(f"The input {name!r} is truncated.")
        texts.append(text(name, raw[begin:at], files))
    return texts


def to_bytes(tensor: Tensor) -> bytes:
    """Return the values of a tensor as bytes, in the form that `from_bytes` reads."""
    if tensor.datatype != "BYTES":
        return tensors.pack(tensor)
    return b"".join(len(value).to_bytes(_LENGTH_BYTES, "little") + value for value in text_bytes(tensor))


def text_bytes(tensor: Tensor) -> list[bytes]:
    """Return the bytes of each string of a tensor."""
    return [value.encode("utf-8", "surrogatepass") for value in tensor.flat]


# --- samples ---


def samples(columns: dict[str, Column], rows: Rows, is_frame: bool, limits: Limits) -> Series:
    """Return the samples of one or more named inputs; with `is_frame`, a single input is also a column.

    Raise Malformed if the inputs differ in length, or the samples would be too large.
    """
    counts = {column.shape[0] for column in columns.values()}
    if len(counts) > 1:
        raise Malformed("The inputs differ in their first dimension.")
    (count,) = counts
    is_table = len(columns) > 1 or is_frame or rows.named
    names = list(columns)
    copies = count * rows.name_bytes(names) if is_table else 0
    limits.check_built(copies + sum(tensors.list_bytes(column.shape) for column in columns.values()))
    if is_table:
        alone = [column.alone for column in columns.values()]
        weight = sum(math.prod(column.shape[1:]) for column in alone)
        if weight > VALUES:
            return Series(chunks=list(_large(alone, names, rows)))
        return Series.encoded(rows.samples(names, _cells(alone, weight)), weight)
    (column,) = columns.values()
    is_list = not rows.kinds or rows.kinds & {"array", "object"}
    return tensors.samples(*(column if is_list else column.alone))


def _cells(columns: list[Column], weight: int) -> Iterator[list]:
    """Yield the cells of each row of `weight` values; at most VALUES values are created at a time."""
    step = max(1, min(TOGETHER, VALUES // weight))
    for parts in zip(*(tensors.rows(*column, step) for column in columns), strict=True):
        yield from map(list, zip(*parts, strict=True))


def _large(columns: list[Column], names: list[str], rows: Rows) -> Iterator[Chunk]:
    """Yield the samples of rows that have too many values to be in memory at the same time."""
    for at in range(columns[0].shape[0]):
        cells = [_cell(column, at) for column in columns]
        yield Chunk(b"[" + rows.sample_json(names, cells) + b"]", 1)


def _cell(column: Column, at: int) -> bytes:
    """Return the JSON of a column's value in the row `at`."""
    shape = [1, *column.shape[1:]]
    return tensors.block_json(column.flat, shape, at * math.prod(shape))[1:-1]


# --- predictions ---


def outputs(
    answers: Series, requested: Sequence[str], described: list[dict], *, as_columns: bool = False
) -> Iterator[Output]:
    """Yield the `requested` outputs, or all if that is empty; raise Malformed for an unknown name.

    `described` are the outputs of the model's metadata. With `as_columns`, each has one value per row.
    """
    decoded = answers.values
    floats = {tensor["name"] for tensor in described if tensor["datatype"] == "FP64"}
    # Without predictions, only the metadata defines the outputs.
    empty = {tensor["name"]: _empty(tensor) for tensor in described} if not decoded else {}
    columns = rows_to_columns(decoded) or {name: [] for name in empty} or {OUTPUT: decoded}
    for name in requested or columns:
        if name not in columns:
            raise Malformed(f"There is no output {name!r}. Outputs: {', '.join(columns)}.")
        # Types come from the metadata rather than these values: NaN has become null, and 3.0 may be written as 3.
        tensor = empty.get(name) or tensors.stack(columns[name], floats=name in floats)
        if tensor is None or (as_columns and len(tensor.shape) > 1):
            yield Output(name, _texts_of(columns[name]), is_json=True)
        else:
            yield Output(name, tensor)


def _texts_of(values: list) -> Tensor:
    """Return values that don't form a tensor as strings of JSON."""
    return Tensor("BYTES", [len(values)], [encode(value).decode("ascii") for value in values])


def _empty(described: dict) -> Tensor:
    """Return an output of the metadata without rows."""
    return Tensor(described["datatype"], [0, *(max(0, size) for size in described["shape"][1:])], [])
