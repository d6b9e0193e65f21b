"""Chunks of rows: readers yield them, and samples, results and errors are derived from them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any, Generic, TypeVar

from nb_service import problems

# The number of rows that are read, scored and written together. If samples are scored in one call, a chunk is one call,
# so that every run makes the same calls and gets the same floats.
ROWS = 1000
# Approximate maximum size of a chunk, in characters or bytes of its rows.
MAX_SIZE = 4 << 20
# The maximum length of a row, in characters or bytes: a cell may contain a whole document, but anything longer isn't a
# file of rows.
MAX_LENGTH = 64 << 20
Line = TypeVar("Line", str, bytes)


def too_long(name: str, what: str) -> problems.BatchInput:
    """Return the problem for a row longer than MAX_LENGTH."""
    return problems.BatchInput(
        name,
        f"its {what} is longer than {MAX_LENGTH >> 20} MB",
        "Check that its content matches its name; --from sets the format.",
    )


def repeated(names: Sequence[str]) -> str | None:
    """Return the first name that occurs more than once, or None."""
    if len(set(names)) == len(names):
        return None
    return min(name for name, count in Counter(names).items() if count > 1)


class Lines(Generic[Line]):
    """The lines of a text or byte stream; all methods share one position, so each line is returned once.

    `end` is what the stream returns at its end: "" or b"". All methods raise BatchInput for a line longer than
    MAX_LENGTH.
    """

    def __init__(self, stream: Any, name: str, end: Line) -> None:
        # A longer line arrives in parts, and an iterator in C takes half the time of a generator.
        self._lines: Iterator[Line] = iter(partial(stream.readline, MAX_LENGTH), end)
        self._name = name
        self._count = 0
        self._ahead: list[Line] = []

    def __iter__(self) -> Iterator[Line]:
        return self

    def __next__(self) -> Line:
        if not self._ahead:
            self._ahead = self._read(MAX_SIZE, 1)
        if not self._ahead:
            raise StopIteration
        return self._ahead.pop(0)

    def look(self, size: int, count: int) -> list[Line]:
        """Return the first lines (`count`, or about `size` characters) without consuming them."""
        self._ahead = self._read(size, count)
        return list(self._ahead)

    def some(self) -> list[Line]:
        """Return the next chunk of lines: ROWS, or about MAX_SIZE characters; empty at the end."""
        ahead, self._ahead = self._ahead, []
        return ahead + self._read(MAX_SIZE - sum(map(len, ahead)), ROWS - len(ahead))

    def rest(self) -> Iterator[Line]:
        """Yield all remaining lines, reading a chunk at a time."""
        return chain.from_iterable(iter(self.some, []))

    def _read(self, size: int, count: int) -> list[Line]:
        lines: list[Line] = []
        left = min(size, MAX_LENGTH)
        for line in islice(self._lines, count):
            lines.append(line)
            left -= len(line)
            if left <= 0:
                break
        self._count += len(lines)
        # Only the last line can be that long, because it stops the loop.
        if lines and len(lines[-1]) >= MAX_LENGTH:
            raise too_long(self._name, f"line {self._count}")
        return lines


class Chunk:
    """Rows in input order. In a table, a row is its cells; otherwise a JSON value.

    `broken` maps indexes of unreadable rows to reasons; such a row is its text. `lines` are the rows as input lines, if
    each is one line (in a table: without quotes).
    """

    def __init__(
        self,
        rows: Sequence | None,
        names: Sequence[str] | None = None,
        broken: dict[int, str] | None = None,
        *,
        is_table: bool = False,
        is_text: bool = False,
        lines: list[str] | None = None,
        delimiter: str = ",",
    ) -> None:
        self._rows = rows
        self.names = names
        self.broken = broken or {}
        self.is_table = is_table
        self.is_text = is_text  # whether cells are texts, which may be numbers
        self.lines = lines
        self.delimiter = delimiter

    @property
    def rows(self) -> Sequence:
        """Return the rows."""
        if self._rows is None:
            self._rows = [line.split(self.delimiter) for line in self.lines or ()]
        return self._rows

    def __len__(self) -> int:
        return len(self.lines if self._rows is None and self.lines is not None else self.rows)

    def slice(self, begin: int, end: int) -> "Chunk":
        """Return the rows from `begin` to `end` (exclusive)."""
        if begin <= 0 and end >= len(self):
            return self
        return Chunk(
            None if self._rows is None else self._rows[begin:end],
            self.names,
            {at - begin: reason for at, reason in self.broken.items() if begin <= at < end},
            is_table=self.is_table,
            is_text=self.is_text,
            lines=None if self.lines is None else self.lines[begin:end],
            delimiter=self.delimiter,
        )

    def width(self, at: int) -> int:
        """Return the number of cells of a table's row."""
        if self._rows is None and self.lines is not None:
            return self.lines[at].count(self.delimiter) + 1
        return len(self.rows[at])

    def columns(self, picks: Sequence[int] | None = None, indexes: Sequence[int] | None = None) -> list[Sequence]:
        """Return the cells of a table's columns, all or those at `picks`, for unbroken rows or those at `indexes`."""
        if indexes is None and self.broken:
            indexes = self.whole()
        rows = self.rows if indexes is None or len(indexes) == len(self) else [self.rows[at] for at in indexes]
        columns: list[Sequence] = list(zip(*rows, strict=True))
        return columns if picks is None or not columns else [columns[at] for at in picks]

    def whole(self) -> list[int]:
        """Return the indexes of the unbroken rows."""
        return [at for at in range(len(self)) if at not in self.broken] if self.broken else list(range(len(self)))

    def text_of(self, at: int) -> Any:
        """Return a row as a JSON value for an error message."""
        row = self.rows[at]
        if self.is_table and self.names is not None and at not in self.broken and len(row) == len(self.names):
            return dict(zip(self.names, row, strict=True))
        return row


class Table(Chunk):
    """Rows read as typed columns; `columns` are all of them, and no row is broken."""

    def __init__(self, columns: list[Sequence], names: Sequence[str] | None, count: int) -> None:
        super().__init__(None, names, is_table=True)
        self._columns = columns
        self._count = count

    @property
    def rows(self) -> Sequence:
        """Return the rows."""
        if self._rows is None:
            self._rows = list(zip(*self._columns, strict=True)) if self._columns else [()] * self._count
        return self._rows

    def __len__(self) -> int:
        return self._count

    def slice(self, begin: int, end: int) -> "Table":
        """Return the rows from `begin` to `end` (exclusive)."""
        end = min(end, self._count)
        return Table([column[begin:end] for column in self._columns], self.names, end - begin)

    def width(self, at: int) -> int:
        """Return the number of columns."""
        return len(self._columns)

    def columns(self, picks: Sequence[int] | None = None, indexes: Sequence[int] | None = None) -> list[Sequence]:
        """Return the columns, or those at `picks`; `indexes` always names all rows."""
        return self._columns if picks is None else [self._columns[at] for at in picks]
