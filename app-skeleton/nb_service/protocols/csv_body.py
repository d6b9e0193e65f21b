"""CSV: one sample per line in, one prediction per line out."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from nb_service.protocols import DEFAULT, Body, Limits, Malformed, Series, encode
from nb_service.protocols.rows import Rows, rows_to_columns

CONTENT_TYPE = "text/csv"


def read(body: bytes, rows: Rows, header: str | None = None, limits: Limits = DEFAULT) -> Series:
    """Return the samples; raise Malformed if the body is not valid CSV or has too many lines.

    `header` is the header parameter of the content type (RFC 4180), "present" or "absent". Without it, the first line
    is a header if it contains only words and the notebook's samples only numbers, or if the samples are objects, which
    need names.
    """
    if header not in (None, "present", "absent"):
        raise Malformed("text/csv has header=present or header=absent.")
    try:
        return Series.encoded(_samples(body, rows, header, limits))
    except UnicodeDecodeError:
        raise Malformed(f"The body is not UTF-8 (byte {_undecodable_position(body)}).") from None
    except csv.Error as error:
        raise Malformed(f"The body is not CSV: {error}.") from error


def _check_count(body: bytes, limits: Limits, name_bytes: int) -> None:
    """Raise Malformed (413) if there are too many lines: counting takes a tenth of the time of parsing."""
    at_most = body.count(b"\n") + body.count(b"\r")
    if at_most > limits.samples or at_most * name_bytes > limits.built:
        # Counted from 0, because the first line may be the header.
        for number, _ in enumerate(_lines(body)):
            limits.check_rows(number, name_bytes)


def _samples(body: bytes, rows: Rows, header: str | None, limits: Limits) -> Iterator:
    lines = _lines(body)
    names, first = None, next(lines, [])
    if names_come_first(first, rows, header):
        names = first
    elif first:
        lines = chain([first], lines)
    name_bytes = rows.name_bytes(names)
    _check_count(body, limits, name_bytes)
    return rows.samples_from_texts(names, _counted(lines, limits, name_bytes))


def _counted(lines: Iterable, limits: Limits, name_bytes: int) -> Iterator:
    """Yield the lines; raise Malformed (413) as soon as they exceed the limits."""
    for number, line in enumerate(lines, 1):
        limits.check_rows(number, name_bytes)
        yield line


def _undecodable_position(body: bytes) -> int:
    """Return the position of the first byte that is not UTF-8; an incremental decoder counts within a piece."""
    try:
        body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return error.start
    return len(body)


def has_header(body: bytes, rows: Rows, header: str | None = None) -> bool:
    """Return whether `read` would use the first line as a header; False for a body that it rejects."""
    try:
        return names_come_first(next(_lines(body), []), rows, header)
    except (UnicodeDecodeError, csv.Error):
        return False


def _lines(body: bytes) -> Iterator[list[str]]:
    # Decoded in pieces: a single string could take four more bytes for each character of the body.
    lines = csv.reader(io.TextIOWrapper(io.BytesIO(body), "utf-8-sig", newline=""), strict=True)
    # Empty lines are skipped, even if one is meant as an empty cell of a table with one column.
    return filter(None, lines)


def names_come_first(line: list[str], rows: Rows, header: str | None) -> bool:
    """Return whether the first line is a header, by the rules of `read`."""
    return header == "present" or (header is None and (rows.named or (line != [] and rows.is_header(line))))


def write(answers: Series) -> Body:
    """Return one line per prediction: a cell, or a cell per item of a list. Objects with the same keys get a header."""
    decoded = answers.values
    columns = rows_to_columns(decoded)
    if columns:
        rows = [list(columns), *([cell(value) for value in row.values()] for row in decoded)]
    else:
        rows = [[cell(value) for value in (row if isinstance(row, list) else [row])] for row in decoded]
    kind = f"{CONTENT_TYPE}; charset=utf-8; header={'present' if columns else 'absent'}"
    return Body(RowWriter().lines(rows), kind)


class RowWriter:
    """Formats rows of cells as lines, with `delimiter` between the fields."""

    def __init__(self, delimiter: str = ",") -> None:
        self._buffer = io.StringIO(newline="")
        self._writer = csv.writer(self._buffer, lineterminator="\n", delimiter=delimiter)
        self._quoting = csv.writer(self._buffer, lineterminator="\n", delimiter=delimiter, quoting=csv.QUOTE_ALL)

    def lines(self, rows: Sequence[Sequence[str]]) -> bytes:
        """Return these rows, one per line."""
        self._writer.writerows(rows)
        text = self._taken()
        if "\r" in text:
            # Lines end with \n, so the csv module doesn't quote \r.
            for row in rows:
                (self._quoting if any("\r" in cell for cell in row) else self._writer).writerow(row)
            text = self._taken()
        return text.encode("utf-8", "backslashreplace")

    def _taken(self) -> str:
        text = self._buffer.getvalue()
        self._buffer.seek(0)
        self._buffer.truncate()
        return text


def cell(value: object) -> str:
    """Return a value as a cell: text unchanged, null as an empty cell, and anything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else encode(value).decode("ascii")
