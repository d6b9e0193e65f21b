"""File formats of samples and predictions: one module each, found by name or file extension."""

from collections.abc import Callable
from functools import partial
from typing import IO, Any, NamedTuple

from nb_service.backends.batch.formats import columns, csv_table, ndjson, npy_array
from nb_service.backends.batch.formats.options import ReadOptions


class Format(NamedTuple):
    """A file format: `read` opens a reader, which yields chunks.

    `is_staged` is whether writing needs all predictions first.

    Predictions in a staged format are kept as NDJSON until the last one is known, because the file's header or footer
    depends on all of them.
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
# By the name of the compression: its file extension and its magic bytes.
COMPRESSIONS = {"gzip": (".gz", b"\x1f\x8b"), "zstd": (".zst", b"\x28\xb5\x2f\xfd")}


def of_name(path: str) -> tuple[Format | None, str]:
    """Return the format and compression for a file extension; None and "" if unknown."""
    lowered, compression = path.lower(), ""
    for name, (ending, _) in COMPRESSIONS.items():
        if lowered.endswith((ending, ".zstd") if name == "zstd" else ending):
            lowered, compression = lowered[: lowered.rindex(".")], name
    for each in FORMATS.values():
        if lowered.endswith(each.endings):
            return each, compression
    return None, compression


def of_head(head: bytes) -> Format:
    """Return the format of a stream that starts with `head`; CSV if nothing else matches."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for each in FORMATS.values():
        if each.magic and text.startswith(each.magic):
            if each.name == "json" and _is_line_of_array(text):
                return FORMATS["ndjson"]
            return each
    return FORMATS["arrow"] if head[:4] == b"\xff\xff\xff\xff" else FORMATS["csv"]


def _is_line_of_array(text: bytes) -> bool:
    """Return whether the first line is a complete list followed by another, as in NDJSON of list samples."""
    first, newline, rest = text.partition(b"\n")
    return bool(newline) and first.rstrip().endswith(b"]") and rest.lstrip()[:1] == b"["
