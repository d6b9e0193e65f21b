"""CSV and TSV. The dialect is detected from the first lines; cells stay text."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import IO, Any

from nb_service import problems
from nb_service.backends.batch.formats.chunk import MAX_LENGTH, MAX_SIZE, ROWS, Chunk, Lines, repeated
from nb_service.backends.batch.formats.options import ReadOptions
from nb_service.protocols import csv_body

DELIMITERS = ",;\t|"
# Characters of an input that are searched for its delimiter.
LOOK = 1 << 16
LOOK_LINES = 50
_DECIMAL_COMMA = re.compile(r"-?[0-9]+,[0-9]+")
_UTF_8 = "utf-8-sig"
# By byte order mark; UTF-32 comes first, because its mark starts with that of UTF-16.
_MARKS = {b"\xff\xfe\x00\x00": "utf-32", b"\x00\x00\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class Reader:
    """The rows of one CSV input; `names` are its columns, or None without a header."""

    is_table = True

    def __init__(self, stream: IO[bytes], name: str, options: ReadOptions) -> None:
        self._name = name
        # The csv module's default limit is 128 kB.
        csv.field_size_limit(MAX_LENGTH)
        buffered: Any = stream if hasattr(stream, "peek") else io.BufferedReader(stream)
        head = bytes(buffered.peek(4)[:4])
        self._encoding = _encoding_of(head, options.encoding)
        # Invalid bytes are kept, so that only their own row fails.
        errors = "surrogateescape" if self._encoding == _UTF_8 else "strict"
        self._text = io.TextIOWrapper(buffered, self._encoding, errors=errors, newline="")
        self._lines = Lines(self._text, name, "")
        first = self._decoded(lambda: self._lines.look(LOOK, LOOK_LINES))
        self.delimiter = options.delimiter or sniffed(first)
        self.names = self._header(first, options)
        self._width: int | None = len(self.names) if self.names is not None else None

    def _header(self, first: list[str], options: ReadOptions) -> list[str] | None:
        cells = next(filter(None, csv.reader(first, delimiter=self.delimiter)), [])
        if not csv_body.names_come_first(cells, options.rows, options.header):
            return None
        rows = filter(None, csv.reader(self._lines, strict=True, delimiter=self.delimiter))
        try:
            # Not `cells`, because a quoted name may contain line breaks, so that the header spans several lines.
            names = self._decoded(lambda: next(rows, []))
        except csv.Error as error:
            raise problems.BatchInput(self._name, f"its header is not CSV ({error})") from error
        if not _is_utf_8("".join(names)):
            raise problems.BatchInput(
                self._name, "its header is not UTF-8", "Set its encoding, for example --encoding latin-1."
            )
        if twice := repeated(names):
            raise problems.BatchInput(
                self._name,
                f"its header has {twice!r} more than once",
                "Name each column once, or pass --header no if the first line is a row.",
            )
        return names

    def __iter__(self) -> Iterator[Chunk]:
        while lines := self._decoded(self._lines.some):
            if '"' in "".join(lines):
                yield from self._quoted(chain(lines, self._lines.rest()))
                return
            stripped = [line.rstrip("\r\n") for line in lines]
            chunk = self._plain([line for line in stripped if line])
            if len(chunk):
                yield chunk

    def _plain(self, lines: list[str]) -> Chunk:
        """Return the rows of lines without quotes: one each."""
        if self._width is None and lines:
            self._width = lines[0].count(self.delimiter) + 1
        separators = (self._width or 1) - 1
        broken = {}
        if {line.count(self.delimiter) for line in lines} != {separators}:
            for at, line in enumerate(lines):
                if line.count(self.delimiter) != separators:
                    broken[at] = self._misfit(line.count(self.delimiter) + 1)
        chunk = Chunk(None, self.names, broken, is_table=True, is_text=True, lines=lines, delimiter=self.delimiter)
        return self._without_escapes(chunk, "".join(lines))

    def _quoted(self, lines: Iterable[str]) -> Iterator[Chunk]:
        """Yield the rows of lines of which some have quotes, so a row may span several lines."""
        taken: list[str] = []  # the lines of the current row
        reader = csv.reader(_noted(lines, taken), strict=True, delimiter=self.delimiter)
        rows: list = []
        broken: dict[int, str] = {}
        size = 0
        while True:
            try:
                for row in self._guarded(reader):
                    taken.clear()
                    if self._width is None:
                        self._width = len(row)
                    if len(row) != self._width:
                        broken[len(rows)] = self._misfit(len(row))
                    rows.append(row)
                    size += sum(map(len, row))
                    if len(rows) == ROWS or size >= MAX_SIZE:
                        yield self._table(rows, broken)
                        rows, broken, size = [], {}, 0
                break
            except csv.Error as error:
                broken[len(rows)] = _no_csv(error, reader.line_num, len(taken))
                rows.append("".join(taken).rstrip("\r\n"))
                taken.clear()
        if rows:
            yield self._table(rows, broken)

    def _guarded(self, reader: Any) -> Iterator[list[str]]:
        try:
            yield from filter(None, reader)
        except UnicodeError as error:
            raise self._undecodable(error) from error

    def _table(self, rows: list, broken: dict[int, str]) -> Chunk:
        chunk = Chunk(rows, self.names, broken, is_table=True, is_text=True, delimiter=self.delimiter)
        return self._without_escapes(chunk, "".join(chain.from_iterable(rows)))

    @staticmethod
    def _without_escapes(chunk: Chunk, text: str) -> Chunk:
        """Mark the rows of `chunk`, whose text is `text`, that contain invalid bytes as broken."""
        if text.isascii() or _is_utf_8(text):
            return chunk
        for at in chunk.whole():
            if not _is_utf_8("".join(chunk.rows[at])):
                chunk.broken[at] = "It has bytes that are not UTF-8; set --encoding."
        return chunk

    def _misfit(self, count: int) -> str:
        against = "the header" if self.names is not None else "the first row"
        return f"It has {count} field{'s' if count > 1 else ''}, and {against} has {self._width}."

    def _decoded(self, read: Any) -> Any:
        try:
            return read()
        except UnicodeError as error:
            raise self._undecodable(error) from error

    def _undecodable(self, error: UnicodeError) -> problems.BatchInput:
        return problems.BatchInput(
            self._name,
            f"it is not {self._encoding.removesuffix('-sig').upper()} ({error.args[-1]})",
            "Set its encoding, for example --encoding latin-1.",
        )


def _encoding_of(head: bytes, given: str) -> str:
    """Return the encoding `given`, or the one detected from `head`, the input's first bytes."""
    if not given:
        return next((encoding for mark, encoding in _MARKS.items() if head.startswith(mark)), _UTF_8)
    # UTF-8 has several names, with and without a byte order mark.
    return _UTF_8 if codecs.lookup(given).name in ("utf-8", _UTF_8) else given


def _noted(lines: Iterable[str], taken: list[str]) -> Iterator[str]:
    """Yield the lines, appending each to `taken`."""
    for line in lines:
        taken.append(line)
        yield line


def _no_csv(error: csv.Error, last: int, count: int) -> str:
    """Return why a row of `count` lines, the last of which is line `last`, can't be read."""
    where = f"line {last}" if count == 1 else f"the {count} lines ending at line {last}"
    return f"It is not CSV ({where} of what follows the first quote): {error}."


def _is_utf_8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def sniffed(lines: list[str]) -> str:
    """Return the delimiter that splits most lines into the same number of fields as the first, and more than one."""
    best, delimiter = (0, 0, 0), ","
    for candidate in DELIMITERS:
        rows = _rows(lines, candidate)
        if not rows or len(rows[0]) < 2:
            continue
        alike = sum(len(row) == len(rows[0]) for row in rows)
        # In 1,5;2,5, the comma inside each number is a decimal comma rather than a delimiter.
        commas = candidate != "," and any(_DECIMAL_COMMA.fullmatch(cell) for row in rows for cell in row)
        score = (alike * 100 // len(rows), int(commas), len(rows[0]))
        if score > best:
            best, delimiter = score, candidate
    return delimiter


def _rows(lines: list[str], delimiter: str) -> list[list[str]]:
    """Return the readable rows of some lines, the last of which may be cut off."""
    rows: list[list[str]] = []
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        try:
            rows.extend(filter(None, reader))
        except csv.Error:
            continue
        return rows


class Writer:
    """Writes rows of texts as CSV, after a line of column names if `header`."""

    def __init__(self, delimiter: str = ",", *, header: bool = True) -> None:
        self.delimiter = delimiter
        self._header = header
        self._writer = csv_body.RowWriter(delimiter)

    def begin(self, columns: list[str] | None) -> bytes:
        """Return the text before the first row."""
        return self.rows([columns]) if self._header and columns is not None else b""

    def rows(self, rows: Iterable[Sequence[str]]) -> bytes:
        """Return rows of texts as CSV."""
        return self._writer.lines(list(rows))

    @staticmethod
    def lines(lines: list[str]) -> bytes:
        """Return rows that are CSV lines already."""
        return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace") if lines else b""

    def end(self) -> bytes:
        """Return the text after the last row."""
        return b""
