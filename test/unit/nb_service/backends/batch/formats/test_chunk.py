"""Rows that are longer than any row should be: reported before they fill memory."""

import io

import numpy as np
import pytest
from nb_service.backends.batch import formats
from nb_service.backends.batch.formats import chunk, csv_table, ndjson, npy_array
from nb_service.backends.batch.formats.options import ReadOptions
from nb_service.problems import BatchInput
from nb_service.protocols.rows import Rows


class Endless(io.RawIOBase):
    """A stream that begins with some bytes and goes on with zeros, of which it counts how many were read."""

    def __init__(self, begin):
        super().__init__()
        self._begin = begin
        self.count = 0

    def readable(self):
        """Return True."""
        return True

    def readinto(self, buffer):
        """Fill the buffer."""
        data = self._begin[: len(buffer)].ljust(len(buffer), b"0")
        self._begin = self._begin[len(buffer) :]
        buffer[:] = data
        self.count += len(buffer)
        return len(buffer)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Let rows be a megabyte long at most."""
    for module in (chunk, csv_table, ndjson, npy_array):
        monkeypatch.setattr(module, "MAX_LENGTH", 1 << 20)


@pytest.mark.parametrize(
    ("name", "begin", "what"),
    [
        ("csv", b"", "its line 1 "),
        ("csv", b"a,b\n1,2\n", "its line 3 "),
        ("tsv", b"1\t", "its line 1 "),
        ("ndjson", b"[1]\n\n[", "its line 3 "),
        ("json", b'[1, 2, "', "its element 3 "),
        ("json", b'["', "its element 1 "),
        ("npy", b"", "its row "),
    ],
)
def test_a_row_without_an_end_is_reported_and_not_kept(name, begin, what):
    if name == "npy":
        file = io.BytesIO()
        np.save(file, np.zeros((1, 200_000)))
        begin = file.getvalue()
    stream = Endless(begin)
    with pytest.raises(BatchInput) as caught:
        for _ in formats.FORMATS[name].read(io.BufferedReader(stream), "in", ReadOptions(Rows({}), "absent")):
            pass
    assert f"in can't be scored: {what}is longer than 1 MB" in str(caught.value)
    assert stream.count < 8 << 20
