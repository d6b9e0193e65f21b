"""CSV: a sample a line in, an answer a line out."""

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import chain

from nb_service.protocols import DEFAULT, Body, Limits, Malformed, Series, encode
from nb_service.protocols.rows import Rows, rows_to_columns

CONTENT_TYPE = "text/csv"


def read(body: bytes, rows: Rows, header: str | None = None, limits: Limits = DEFAULT) -> Series:
    """Return the samples; raise Malformed.

    `header` is that of RFC 4180's content type, "present" or "absent". Without it the first line is taken for one
    where it has words and the notebook's samples have numbers, and where those are objects: only it tells their names.
    """
    if header not in (None, "present", "absent"):
        raise Malformed("text/csv has header=present or header=absent.")
    try:
        return Series.encoded(_samples(body, rows, header, limits))
    except UnicodeDecodeError:
        raise Malformed(f"The body is not UTF-8 (byte {_place_of_no_text(body)}).") from None
    except csv.Error as wrong:
        raise Malformed(f"The body is not CSV: {wrong}.") from wrong


def _check_number(body: bytes, limits: Limits, each: int) -> None:
    """Raise Malformed (413) where the lines are too many: counting them takes a tenth of what reading them does."""
    at_most = body.count(b"\n") + body.count(b"\r")
    if at_most > limits.samples or at_most * each > limits.built:
        # The first may have the names.
        for number, _ in enumerate(_lines(body)):
            limits.check_rows(number, each)


def _samples(body: bytes, rows: Rows, header: str | None, limits: Limits) -> Iterator:
    lines = _lines(body)
    names, first = None, next(lines, [])
    if _names_come_first(first, rows, header):
        names = first
    elif first:
        lines = chain([first], lines)
    each = rows.name_bytes(names)
    _check_number(body, limits, each)
    return rows.samples_from_texts(names, _counted(lines, limits, each))


def _counted(lines: Iterable, limits: Limits, each: int) -> Iterator:
    """Yield the lines, until they are too many samples."""
    for number, line in enumerate(lines, 1):
        limits.check_rows(number, each)
        yield line


def _place_of_no_text(body: bytes) -> int:
    """Return the place of the byte that is not UTF-8: what reads piece by piece knows it within a piece only."""
    try:
        body.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        return wrong.start
    return len(body)


def has_header(body: bytes, rows: Rows, header: str | None = None) -> bool:
    """Return whether `read` would take the first line for names; False for what it would refuse."""
    try:
        return _names_come_first(next(_lines(body), []), rows, header)
    except (UnicodeDecodeError, csv.Error):
        return False


def _lines(body: bytes) -> Iterator[list[str]]:
    # Read piece by piece: as one text of four bytes a character the body would be in memory twice more.
    lines = csv.reader(io.TextIOWrapper(io.BytesIO(body), "utf-8-sig", newline=""), strict=True)
    # One column's empty cell is an empty line; elsewhere such a line is none.
    return filter(None, lines)


def _names_come_first(line: list[str], rows: Rows, header: str | None) -> bool:
    return header == "present" or (header is None and (rows.named or (line != [] and rows.is_header(line))))


def write(answers: Series) -> Body:
    """Return the answers: a cell, or the cells of a list; objects of the same names get a header."""
    decoded = answers.values
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    columns = rows_to_columns(decoded)
    if columns:
        writer.writerow(columns)
        writer.writerows([_cell(value) for value in row.values()] for row in decoded)
    else:
        writer.writerows([_cell(cell) for cell in (row if isinstance(row, list) else [row])] for row in decoded)
    kind = f"{CONTENT_TYPE}; charset=utf-8; header={'present' if columns else 'absent'}"
    return Body(text.getvalue().encode("utf-8", "surrogatepass"), kind)


def _cell(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else encode(value).decode("ascii")
