"""NDJSON and JSON arrays: a row is a JSON value, usually an object."""

import io
import json
from collections.abc import Iterable, Iterator
from typing import IO

from nb_scorer.model import json_codec

from nb_service import problems
from nb_service.backends.batch.formats.chunk import MAX_LENGTH, MAX_SIZE, ROWS, Chunk, Lines, too_long
from nb_service.backends.batch.formats.options import ReadOptions
from nb_service.backends.batch.json_texts import encoded

BLOCK = 1 << 18
_BOM = b"\xef\xbb\xbf"


class LinesReader:
    """The rows of NDJSON, one a line; blank lines are skipped."""

    is_table = False
    names = None
    delimiter = ","

    def __init__(self, stream: IO[bytes], name: str, options: ReadOptions) -> None:
        self._lines = Lines(stream, name, b"")

    def __iter__(self) -> Iterator[Chunk]:
        is_first = True
        while lines := self._lines.some():
            if is_first:
                lines[0], is_first = lines[0].removeprefix(_BOM), False
            rows: list = []
            texts: list[str] = []
            broken: dict[int, str] = {}
            for line in lines:
                if line.isspace() or not line:
                    continue
                try:
                    rows.append(json_codec.decode(line))
                except ValueError as error:
                    broken[len(rows)] = f"It is not JSON: {error}."
                    rows.append(line.decode("utf-8", "backslashreplace").rstrip("\r\n"))
                texts.append(line.decode("utf-8", "backslashreplace").lstrip("\ufeff").strip())
            if rows:
                yield Chunk(rows, broken=broken, lines=texts)


class ArrayReader:
    """The elements of a JSON array, of which only a part is in memory at a time."""

    is_table = False
    names = None
    delimiter = ","

    def __init__(self, stream: IO[bytes], name: str, options: ReadOptions) -> None:
        self._encoding = options.encoding or "utf-8-sig"
        self._text = io.TextIOWrapper(stream, self._encoding)
        self._name = name
        self._strange: list[str] = []  # NaN, Infinity and -Infinity in the element read last
        self._decoder = json_codec.bounded_decoder(self._strange.append)

    def __iter__(self) -> Iterator[Chunk]:
        rows: list = []
        texts: list[str] = []
        broken: dict[int, str] = {}
        size = 0
        for row, spelled in self._elements():
            if self._strange:
                # The same rule as for a line of NDJSON, and for requests.
                broken[len(rows)] = f"It is not JSON: {self._strange[0]} is not JSON; null is."
                self._strange.clear()
            # Between tokens of an element, line breaks are only whitespace, so spaces have the same meaning.
            text = spelled.replace("\r", " ").replace("\n", " ")
            rows.append(text if len(rows) in broken else row)
            texts.append(text)
            size += len(text)
            if len(rows) == ROWS or size >= MAX_SIZE:
                yield Chunk(rows, broken=broken, lines=texts)
                rows, texts, broken, size = [], [], {}, 0
        if rows:
            yield Chunk(rows, broken=broken, lines=texts)

    def _elements(self) -> Iterator[tuple[object, str]]:
        """Yield each element with its text."""
        rest = self._more("")
        if not rest.startswith("["):
            raise self._no_array(0)
        rest, number = rest[1:].lstrip(), 0
        if not rest:
            rest = self._more(rest)
        if rest.startswith("]"):
            self._check_end(rest[1:])
            return
        while True:
            number += 1
            value, length, end, rest = self._next(rest, number)
            yield value, rest[:length]
            separator, rest = rest[end], rest[end + 1 :]
            if separator == "]":
                self._check_end(rest)
                return

    def _next(self, rest: str, number: int) -> tuple[object, int, int, str]:
        """Return the next element, its length, the position after it, and the text that contains both."""
        wanted = BLOCK
        while True:
            rest = rest.lstrip()
            try:
                self._strange.clear()
                value, length = self._decoder.raw_decode(rest)
                end = length
                while rest[end : end + 1].isspace():
                    end += 1
                if rest[end : end + 1] in (",", "]") and rest[end : end + 1]:
                    return value, length, end, rest
                is_over = bool(rest[end : end + 1])
            except RecursionError as error:
                raise self._no_array(number) from error
            except json.JSONDecodeError:
                is_over = False
            except ValueError as error:
                raise problems.BatchInput(self._name, f"its element {number} can't be read: {error}") from error
            if len(rest) > MAX_LENGTH:
                raise too_long(self._name, f"element {number}")
            longer = rest if is_over else self._more(rest, wanted)
            # A number may continue, or a truncated element may be completed, with the data that follows.
            if longer == rest:
                raise self._no_array(number)
            rest, wanted = longer, 2 * wanted

    def _more(self, rest: str, wanted: int = BLOCK) -> str:
        try:
            return (rest + self._text.read(wanted)).lstrip()
        except UnicodeError as error:
            called = self._encoding.removesuffix("-sig").upper()
            raise problems.BatchInput(self._name, f"it is not {called} ({error.args[-1]})") from error

    def _check_end(self, rest: str) -> None:
        if self._more(rest).strip():
            raise problems.BatchInput(self._name, "text follows its array")

    def _no_array(self, number: int) -> problems.BatchInput:
        if not number:
            return problems.BatchInput(
                self._name, "it is not a JSON array", "For one value per line, use --from ndjson."
            )
        return problems.BatchInput(self._name, f"its array is broken at element {number}")


class LinesWriter:
    """Writes values as NDJSON."""

    def begin(self, columns: list[str] | None) -> bytes:
        """Return the text before the first row."""
        return b""

    def rows(self, rows: Iterable[str]) -> bytes:
        """Return rows that are JSON already."""
        return encoded("".join([row + "\n" for row in rows]))

    def end(self) -> bytes:
        """Return the text after the last row."""
        return b""


class ArrayWriter:
    """Writes values as a JSON array, one value a line."""

    def __init__(self, *, is_begun: bool = False) -> None:
        self._is_begun = is_begun

    def begin(self, columns: list[str] | None) -> bytes:
        """Return the text before the first row."""
        return b"["

    def rows(self, rows: Iterable[str]) -> bytes:
        """Return rows that are JSON already."""
        parts = []
        for row in rows:
            parts.append((",\n" if self._is_begun else "\n") + row)
            self._is_begun = True
        return encoded("".join(parts))

    def end(self) -> bytes:
        """Return the text after the last row."""
        return b"\n]\n"
