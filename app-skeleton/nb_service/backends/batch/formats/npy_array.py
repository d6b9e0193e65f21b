"""npy: reads an array of samples and writes an array of predictions, a part at a time."""

import io
import math
import re
from collections.abc import Iterable, Iterator
from typing import IO, Any

from nb_service import problems
from nb_service.backends.batch.formats.chunk import MAX_LENGTH, MAX_SIZE, ROWS, Chunk, too_long
from nb_service.backends.batch.formats.options import ReadOptions
from nb_service.backends.batch.formats.spool import spooled
from nb_service.protocols import Limits, Malformed, npy, tensors

_SHAPE = re.compile(rb"'shape':\s*\((?P<first>[0-9]+)(?P<rest>[0-9, ]*)\)")
# Chunks limit the memory, so the limits for request bodies don't apply to files.
_LIMITS = Limits(1 << 40, 1 << 40)


class Reader:
    """The rows of an npy file: numbers, or lists of numbers."""

    is_table = False
    names = None
    delimiter = ","

    def __init__(self, stream: IO[bytes], name: str, options: ReadOptions) -> None:
        self._stream = stream
        self._name = name
        self._rows = options.rows
        begin = stream.read(12)
        width = 2 if begin[6:7] == b"\x01" else 4
        length = int.from_bytes(begin[8 : 8 + width], "little")
        if begin[:6] != npy.MAGIC or length > npy.MAX_HEADER:
            raise problems.BatchInput(name, "it is not an npy file")
        self._header = begin[8 + width :] + stream.read(length - (12 - 8 - width))
        shape = _SHAPE.search(self._header)
        if shape is None:
            raise problems.BatchInput(name, "it has no shape, or is a single number")
        self.total = int(shape["first"])
        self._shape = shape
        self._value_bytes, self._row_bytes = self._sizes()
        # Fortran order stores the first number of every row, then the second number of every row, and so on.
        self._is_fortran = b"'fortran_order': True" in self._header and self._row_bytes > self._value_bytes
        is_file = isinstance(getattr(stream, "raw", None), io.FileIO) and stream.seekable()
        self._is_spooled = self._is_fortran and not is_file
        if self._is_spooled:
            self._stream = spooled(stream, name)
        self._begin = self._stream.tell() if self._is_fortran else 0

    def _sizes(self) -> tuple[int, int]:
        """Return the size of a number and of a row, in bytes."""
        descr = re.search(rb"'descr':\s*'[<>|=]?[a-zA-Z?]([0-9]*)'", self._header)
        sizes = [int(size) for size in re.findall(rb"[0-9]+", self._shape["rest"])]
        size = int(descr[1] or 1) if descr else 0
        if not size * math.prod(sizes):
            raise problems.BatchInput(self._name, "it is not an array of numbers")
        if size * math.prod(sizes) > MAX_LENGTH:
            raise too_long(self._name, "row")
        return size, size * math.prod(sizes)

    def _data(self, at: int, count: int) -> bytes:
        """Return the bytes of `count` rows, starting with row `at`."""
        if not self._is_fortran:
            return self._stream.read(count * self._row_bytes)
        columns = []
        for column in range(self._row_bytes // self._value_bytes):
            self._stream.seek(self._begin + (column * self.total + at) * self._value_bytes)
            columns.append(self._stream.read(count * self._value_bytes))
        return b"".join(columns)

    def __iter__(self) -> Iterator[Chunk]:
        try:
            yield from self._chunks()
        finally:
            if self._is_spooled:
                self._stream.close()

    def _chunks(self) -> Iterator[Chunk]:
        step = max(1, min(ROWS, MAX_SIZE // self._row_bytes))
        for at in range(0, self.total, step):
            count = min(step, self.total - at)
            header = self._header[: self._shape.start("first")] + str(count).encode("ascii")
            header += self._header[self._shape.end("first") :]
            body = npy.MAGIC + b"\x02\x00" + len(header).to_bytes(4, "little") + header + self._data(at, count)
            try:
                yield Chunk(npy.read(body, self._rows, _LIMITS).values)
            except Malformed as error:
                raise problems.BatchInput(self._name, str(error).rstrip(".")) from error


def write(batches: Any, sink: IO[bytes], name: str) -> None:
    """Write predictions as one array; `batches()` returns an iterator over lists of them and is called twice."""
    count, shape, datatype = _form(batches(), name)
    sink.write(npy.head(datatype, [count, *shape]))
    for answers in batches():
        tensor = tensors.stack(answers, floats=datatype == "FP64")
        if tensor is None:
            raise _no_array(name)
        sink.write(tensors.pack(tensor._replace(datatype=datatype)))


def _form(batches: Iterable[list], name: str) -> tuple[int, list[int], str]:
    """Return the number of predictions, their shape, and a datatype that holds all of them."""
    count = 0
    shapes, datatypes = set(), set()
    for answers in batches:
        tensor = tensors.stack(answers) or tensors.stack(answers, floats=True)
        if tensor is None or tensor.datatype not in npy.DTYPES:
            raise _no_array(name)
        count += len(answers)
        shapes.add(tuple(tensor.shape[1:]))
        datatypes.add(tensor.datatype)
    if len(shapes) > 1 or ("BOOL" in datatypes and len(datatypes) > 1):
        raise _no_array(name)
    return count, list(shapes.pop()) if shapes else [], datatypes.pop() if len(datatypes) == 1 else "FP64"


def _no_array(name: str) -> problems.BatchOutput:
    return problems.BatchOutput(
        name, "the predictions are not an array of numbers of one shape", "Write them as NDJSON, with --to ndjson."
    )
