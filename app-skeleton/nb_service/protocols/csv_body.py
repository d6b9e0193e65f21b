"""CSV: a sample a line in, an answer a line out."""

import csv
import io
import json
from collections.abc import Iterator

from nb_service.protocols import Body, Malformed, Series
from nb_service.protocols.rows import Rows, rows_to_columns

CONTENT_TYPE = "text/csv"


def read(body: bytes, rows: Rows, header: str | None = None) -> Series:
    """Return the samples; raise Malformed.

    `header` is that of RFC 4180's content type, "present" or "absent". Without it the first line is taken for one
    where it has words and the notebook's samples have numbers, and where those are objects: only it tells their names.
    """
    if header not in (None, "present", "absent"):
        raise Malformed("text/csv has header=present or header=absent.")
    try:
        lines = list(_lines(body))
    except UnicodeDecodeError as wrong:
        raise Malformed(f"The body is not UTF-8 (byte {wrong.start}).") from wrong
    except csv.Error as wrong:
        raise Malformed(f"The body is not CSV: {wrong}.") from wrong
    names = None
    if _names_come_first(lines[0] if lines else [], rows, header):
        names, lines = (lines[0], lines[1:]) if lines else ([], [])
    return Series(values=[rows.from_text(names, line) for line in lines])


def has_header(body: bytes, rows: Rows, header: str | None = None) -> bool:
    """Return whether `read` would take the first line for names; False for what it would refuse."""
    try:
        return _names_come_first(next(_lines(body), []), rows, header)
    except (UnicodeDecodeError, csv.Error):
        return False


def _lines(body: bytes) -> Iterator[list[str]]:
    lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
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


def _cell(value) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value)
