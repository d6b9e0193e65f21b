"""The formats that files of samples have, and files of answers: one a module, found by name or by a file's ending."""

from collections.abc import Callable
from functools import partial
from typing import IO, Any, NamedTuple

from nb_service.backends.batch.formats import columns, csv_table, ndjson, npy_array
from nb_service.backends.batch.formats.options import ReadOptions


class Format(NamedTuple):
    """One format: `read` opens a reader, which yields chunks. `is_staged` is whether answers must all be there first.

    The answers of a staged format are kept as NDJSON until the last is there: its file begins, or ends, with what only
    all of them tell.
    """

    name: str
    endings: tuple[str, ...]
    magic: bytes
    read: Callable[[IO[bytes], str, ReadOptions], Any]
    is_staged: bool = False
    is_columns: bool = False  # needs pyarrow

    def require(self, path: str) -> None:
        """Raise BatchNeedsMore if a file of this format needs a library that is not installed."""
        if self.is_columns:
            columns.require(f"{path}, as {self.name},")


FORMATS = {
    each.name: each
    for each in (
        Format("csv", (".csv", ".txt"), b"", csv_table.Reader),
        Format("tsv", (".tsv", ".tab"), b"", csv_table.Reader),
        Format("ndjson", (".ndjson", ".jsonl"), b"{", ndjson.LinesReader),
        Format("json", (".json",), b"[", ndjson.ArrayReader),
        Format("parquet", (".parquet", ".pq"), b"PAR1", partial(columns.Reader, kind=columns.PARQUET), True, True),
        Format(
            "arrow",
            (".arrow", ".feather", ".arrows"),
            b"ARROW1",
            partial(columns.Reader, kind=columns.ARROW),
            True,
            True,
        ),
        Format("npy", (".npy",), b"\x93NUMPY", npy_array.Reader, True),
    )
}
# By the name of the compression: the ending of its files, and the bytes that they begin with.
COMPRESSIONS = {"gzip": (".gz", b"\x1f\x8b"), "zstd": (".zst", b"\x28\xb5\x2f\xfd")}


def of_name(path: str) -> tuple[Format | None, str]:
    """Return the format and the compression that a file's ending says; None and "" where it says nothing."""
    lowered, compression = path.lower(), ""
    for name, (ending, _) in COMPRESSIONS.items():
        if lowered.endswith((ending, ".zstd") if name == "zstd" else ending):
            lowered, compression = lowered[: lowered.rindex(".")], name
    for each in FORMATS.values():
        if lowered.endswith(each.endings):
            return each, compression
    return None, compression


def of_head(head: bytes) -> Format:
    """Return the format of a stream that begins like this; CSV where nothing else fits."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for each in FORMATS.values():
        if each.magic and text.startswith(each.magic):
            if each.name == "json" and _is_line_of_array(text):
                return FORMATS["ndjson"]
            return each
    return FORMATS["arrow"] if head[:4] == b"\xff\xff\xff\xff" else FORMATS["csv"]


def _is_line_of_array(text: bytes) -> bool:
    """Return whether the first line is a list by itself, as lists of samples in NDJSON are, and another follows."""
    first, newline, rest = text.partition(b"\n")
    return bool(newline) and first.rstrip().endswith(b"]") and rest.lstrip()[:1] == b"["
