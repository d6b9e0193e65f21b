"""Creates result rows: the kept columns, followed by the prediction or its keys."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from nb_service import problems
from nb_service.backends.batch import json_texts
from nb_service.backends.batch.answers import Answers
from nb_service.backends.batch.command_line import ALL, NONE
from nb_service.backends.batch.formats.chunk import Chunk, repeated
from nb_service.backends.batch.samples import picks
from nb_service.protocols import csv_body
from nb_service.protocols.rows import Rows

# The column for a kept row that has no columns itself.
SAMPLE = "sample"


class Shape(NamedTuple):
    """The form of result rows: `kept` are input columns, `keys` those of a flattened prediction.

    `kept` is None if rows without columns are kept whole; `keys` is None if the prediction is one column. If the first
    input is CSV, the output uses its `delimiter` and `header`.
    """

    kept: list[str] | None
    keys: list[str] | None
    column: str
    delimiter: str = ","
    header: bool = True

    @property
    def columns(self) -> list[str]:
        """Return the names of all output columns."""
        kept = [SAMPLE] if self.kept is None else self.kept
        return [*kept, *([self.column] if self.keys is None else self.keys)]


class Results:
    """Creates result rows: texts for CSV, JSON for all other formats.

    `shape` is determined by the first row and holds for the whole job; the journal records it.
    """

    def __init__(self, keep: str, column: str, flat_keys: list[str] | None, *, flat: bool, rows: Rows) -> None:
        self._keep = keep
        self._column = column
        self._flat = flat
        self._flat_keys = flat_keys
        self._rows = rows
        self.shape: Shape | None = None
        self._checked: Sequence[str] | None = None

    @property
    def keeps(self) -> bool:
        """Return whether input columns are kept."""
        return self._keep != NONE

    def begin(self, name: str, chunk: Chunk, answers: Answers) -> Shape:
        """Return the shape; if still unknown, determine it from these rows; raise BatchInput."""
        if self.shape is None:
            kept = self._kept(name, chunk)
            keys = None
            if self._flat:
                first = answers.first_object()
                keys = self._flat_keys or (list(first) if first is not None else None)
            header = not chunk.is_table or chunk.names is not None
            self.shape = Shape(kept, keys, self._column, chunk.delimiter, header)
            if twice := repeated(self.shape.columns):
                raise problems.BatchWords(
                    f"Two columns of the output would be called {twice!r}: set --keep or --column."
                )
        self._check(name, chunk, self.shape)
        return self.shape

    def _check(self, name: str, chunk: Chunk, shape: Shape) -> None:
        """Raise BatchInput if all columns are to be kept and a table has one that the output lacks."""
        if self._keep != ALL or not chunk.is_table or shape.kept is None:
            return
        if chunk.names is not None and chunk.names is self._checked:
            return
        strange = [column for column in _names(chunk) if column not in shape.kept]
        if strange:
            raise problems.BatchInput(
                name,
                f"it has the column {strange[0]!r}, which the previous input does not have",
                "Write a file for each input (an output that ends in /), or name the columns to keep: --keep id,…",
            )
        self._checked = chunk.names

    def _kept(self, name: str, chunk: Chunk) -> list[str] | None:
        if self._keep == NONE:
            return []
        named = None if self._keep == ALL else self._keep.split(",")
        if chunk.is_table:
            known = _names(chunk)
            if named is not None:
                picks(name, chunk.names, named, len(known))
            return known if named is None else named
        if named is not None:
            return named
        first = next((chunk.rows[at] for at in chunk.whole()), None)
        return list(first) if isinstance(first, dict) else None

    def lines(self, chunk: Chunk, indexes: Sequence[int], answers: Answers, delimiter: str) -> list[str] | None:
        """Return CSV lines made by appending a cell to the input's lines, or None if that isn't possible."""
        shape = self._shape()
        if self._keep != ALL or shape.keys is not None or chunk.delimiter != delimiter or not chunk.is_table:
            return None
        cells = answers.cells
        # A table without quotes, and predictions without texts, need no quoting.
        if chunk.lines is None or not answers.are_plain or _names(chunk) != shape.kept:
            return None
        lines = chunk.lines if len(indexes) == len(chunk) else [chunk.lines[at] for at in indexes]
        return [f"{line}{delimiter}{cell}" for line, cell in zip(lines, cells, strict=True)]

    def cells(
        self, chunk: Chunk, indexes: Sequence[int], answers: Answers
    ) -> tuple[Iterable[Sequence[str]], dict[int, str]]:
        """Return rows of cells for CSV, and, by index, the reasons of rows that don't fit its columns."""
        shape = self._shape()
        if chunk.is_table and shape.keys is None:
            kept = [_cells(column) for column in self._kept_columns(chunk, indexes)]
            return list(zip(*kept, answers.cells, strict=True)), {}
        return self._made(chunk, indexes, answers, lambda cells: [csv_body.cell(value) for value in cells])

    def objects(
        self, chunk: Chunk, indexes: Sequence[int], answers: Answers, *, bare: bool = True
    ) -> tuple[Sequence[str], dict[int, str]]:
        """Return the rows as JSON, and reasons as in `cells`.

        If `bare`, a prediction without kept columns is not wrapped.
        """
        shape = self._shape()
        if bare and shape.kept == [] and shape.keys is None:
            return answers.texts, {}
        columns = shape.columns
        if chunk.is_table and shape.keys is None:
            kept = self._kept_texts(chunk, indexes)
            return json_texts.as_objects(columns, [*kept, answers.texts], len(indexes)), {}
        if bare and self._keep == ALL and not chunk.is_table and shape.kept is not None:
            return self._widened(shape, chunk, indexes, answers)
        return self._made(
            chunk, indexes, answers, lambda cells: json_texts.text(dict(zip(columns, cells, strict=True)))
        )

    def numbered(
        self, chunk: Chunk, indexes: Sequence[int], answers: Answers, first: int
    ) -> tuple[list[str], dict[int, str]]:
        """Return JSON lists of each row's number in its input and prediction, and reasons as in `cells`.

        `first` is the number of the chunk's first row.
        """
        shape = self._shape()
        if shape.keys is None:
            return [f"[{first + at}, {answer}]" for at, answer in zip(indexes, answers.texts, strict=True)], {}
        made, misfits = [], {}
        for at, answer in zip(indexes, answers.values, strict=True):
            try:
                made.append(json_texts.text([first + at, *self._answer_cells(shape, answer)]))
            except ValueError as error:
                misfits[at] = str(error)
        return made, misfits

    def _made(self, chunk: Chunk, indexes: Sequence[int], answers: Answers, make: Any) -> tuple[list, dict[int, str]]:
        """Return the results of `make` for each row's kept values and prediction, and reasons as in `cells`."""
        shape = self._shape()
        made, misfits = [], {}
        kept = self._kept_rows(shape, chunk, indexes)
        for at, before, answer in zip(indexes, kept, answers.values, strict=True):
            try:
                made.append(make([*before, *self._answer_cells(shape, answer)]))
            except ValueError as error:
                misfits[at] = str(error)
        return made, misfits

    def _widened(
        self, shape: Shape, chunk: Chunk, indexes: Sequence[int], answers: Answers
    ) -> tuple[list[str], dict[int, str]]:
        """Return JSON objects with all keys of the rows and of their predictions, and reasons as in `cells`."""
        made, misfits = [], {}
        for at, answer in zip(indexes, answers.values, strict=True):
            try:
                made.append(json_texts.text(self._object(shape, chunk.rows[at], answer)))
            except ValueError as error:
                misfits[at] = str(error)
        return made, misfits

    def _object(self, shape: Shape, row: Any, answer: Any) -> dict:
        """Return a row and its prediction merged into one object; raise ValueError with the reason if that fails."""
        if not isinstance(row, dict):
            raise ValueError(_NO_OBJECT)  # noqa: TRY004 - words for a row
        names = [shape.column] if shape.keys is None else shape.keys
        if taken := [name for name in names if name in row]:
            raise ValueError(f"It has {taken[0]!r} already, the name of the prediction: set --column or --keep.")
        return {**row, **dict(zip(names, self._answer_cells(shape, answer), strict=True))}

    def _kept_rows(self, shape: Shape, chunk: Chunk, indexes: Sequence[int]) -> Sequence[Iterable]:
        if shape.kept == []:
            return [[]] * len(indexes)
        if chunk.is_table:
            return list(zip(*self._kept_columns(chunk, indexes), strict=True))
        return [_Kept(shape.kept, chunk.rows[at], is_all=self._keep == ALL) for at in indexes]

    def _kept_columns(self, chunk: Chunk, indexes: Sequence[int]) -> list[Sequence]:
        kept = self._shape().kept or []
        if not kept or not indexes:
            return []
        return chunk.columns(picks("The input", chunk.names, kept, chunk.width(indexes[0])), indexes)

    def _kept_texts(self, chunk: Chunk, indexes: Sequence[int]) -> list[Sequence[str]]:
        """Return the JSON of the kept columns."""
        columns = self._kept_columns(chunk, indexes)
        if not chunk.is_text:
            return [json_texts.of_values(column) for column in columns]
        # A column that the model's own samples have gets their type; for others, the text decides.
        names = self._shape().kept or []
        is_known = self._rows.kinds == {"object"} and chunk.names is not None
        rows = self._rows if is_known else Rows({})
        return [
            json_texts.of_cells(rows, name if is_known else None, column)
            for name, column in zip(names, columns, strict=True)
        ]

    def _answer_cells(self, shape: Shape, answer: Any) -> list:
        if shape.keys is None:
            return [answer]
        if not isinstance(answer, dict):
            raise ValueError(  # noqa: TRY004 - words for a row
                "Its prediction is not an object, so --flat can't write its keys as columns."
            )
        strange = [key for key in answer if key not in shape.keys]
        if strange:
            raise ValueError(f"Its answer has {strange[0]!r}, which is not a column of the output.")
        return [answer.get(key) for key in shape.keys]

    def _shape(self) -> Shape:
        if self.shape is None:
            raise RuntimeError("no row has started the results")
        return self.shape


_NO_OBJECT = "It is not an object, so no columns can be kept; use --keep none."


def _names(chunk: Chunk) -> list[str]:
    """Return a table's column names, or numbers from 1 if it has no header."""
    if chunk.names is not None:
        return list(chunk.names)
    whole = chunk.whole()
    return [str(at) for at in range(1, (chunk.width(whole[0]) if whole else 0) + 1)]


class _Kept:
    """The kept values of JSON rows; iterating raises ValueError for a row that doesn't fit the columns."""

    def __init__(self, names: list[str] | None, row: Any, *, is_all: bool) -> None:
        self._names = names
        self._row = row
        self._is_all = is_all

    def __iter__(self) -> Any:
        if self._names is None:
            return iter([self._row])
        if not isinstance(self._row, dict):
            raise ValueError(_NO_OBJECT)  # noqa: TRY004 - words for a row
        if self._is_all and (strange := [key for key in self._row if key not in self._names]):
            raise ValueError(f"It has the key {strange[0]!r}, but the first row, whose keys are the columns, does not.")
        return iter([self._row.get(name) for name in self._names])


def _cells(column: Sequence) -> Sequence[str]:
    """Return a column as CSV cells."""
    kinds = set(map(type, column))
    if kinds == {str}:
        return column
    return json_texts.of_values(column) if kinds in ({int}, {float}) else [*map(csv_body.cell, column)]
