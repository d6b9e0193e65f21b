"""Converts rows to samples by the same rules as for request bodies."""

from collections.abc import Sequence
from typing import Any

from nb_scorer.model import json_codec

from nb_service import problems
from nb_service.backends.batch import json_texts
from nb_service.backends.batch.formats.chunk import Chunk
from nb_service.backends.batch.sample_files import SampleFiles
from nb_service.protocols.rows import Rows

LIST, OBJECT, VALUE = "list", "object", "value"


class Samples:
    """Creates JSON samples from the rows of an input with the columns `names` (None if they have no names).

    `columns` are those that predictor receives, all if empty; unnamed columns are counted from 1. `files` reads the
    files that rows name.
    """

    def __init__(
        self,
        name: str,
        names: Sequence[str] | None,
        rows: Rows,
        columns: Sequence[str],
        form: str,
        files: SampleFiles | None = None,
    ) -> None:
        self._columns = columns
        self._form = form
        self._names = names
        self._input = name
        self._files = files
        self._rows = _forced(rows, form)
        self._picks: list[int] | None = None
        self.keys: list | None = None  # of the job's first object, if objects become lists

    def look(self, chunk: Chunk) -> None:
        """Determine the form of all rows from the first ones; also called when a resumed job skips these."""
        if self._form == LIST and self.keys is None:
            self.keys = next((list(chunk.rows[at]) for at in chunk.whole() if isinstance(chunk.rows[at], dict)), None)

    def encode(self, chunk: Chunk) -> list[str]:
        """Return the JSON samples of all unbroken rows; mark rows that can't be converted as broken in `chunk`."""
        if not chunk.is_table:
            self.look(chunk)
            texts = self._of_values(chunk)
        else:
            whole = chunk.whole()
            texts = self._of_table(chunk, whole) if whole else []
        return texts if self._files is None else self._files.check(texts, chunk)

    def _of_table(self, chunk: Chunk, whole: list[int]) -> list[str]:
        names: Sequence[str] | None = self._names
        width = chunk.width(whole[0])
        if self._columns:
            if self._picks is None:
                self._picks = picks(self._input, self._names, self._columns, width)
            width = len(self._picks)
            names = None if self._names is None else self._columns
        is_value = self._is_value(width)
        is_object = not is_value and self._rows.is_object(names) and not (self._rows.bare and width == 1)
        if chunk.lines is not None and not is_object and self._picks is None and not self._is_single(width):
            lines = chunk.lines if not chunk.broken else [chunk.lines[at] for at in whole]
            if chunk.delimiter != ",":
                lines = [line if "," in line else line.replace(chunk.delimiter, ",") for line in lines]
            if not self._rows.is_text(None) and json_texts.are_numbers(lines, width):
                return [f"[{line}]" for line in lines]
        columns = chunk.columns(self._picks, whole)
        if is_value:
            (cells,) = columns
            values = (
                [value for (value,) in self._rows.cells(None, ([cell] for cell in cells))] if chunk.is_text else cells
            )
            return [json_texts.text(_nested(value)) for value in values]
        if chunk.is_text:
            known = [None] * width if names is None else list(names)
            columns = [json_texts.of_cells(self._rows, name, cells) for name, cells in zip(known, columns, strict=True)]
        else:
            columns = [json_texts.of_values(cells) for cells in columns]
        if is_object and names is not None:
            return json_texts.as_objects(names, columns, len(whole))
        return list(columns[0]) if self._is_single(width) else json_texts.as_lists(columns, len(whole))

    def _is_single(self, width: int) -> bool:
        """Return whether a row of one cell is just that value, as in the model's own samples."""
        return self._rows.bare and width == 1

    def _is_value(self, width: int) -> bool:
        """Return whether the sample is the value of the row's only cell."""
        wanted = self._form == VALUE if self._form else len(self._columns) == 1
        if wanted and width != 1:
            raise problems.BatchWords(
                f"--as value requires exactly one column, but the rows have {width}: choose one with --sample."
            )
        return wanted

    def _of_values(self, chunk: Chunk) -> list[str]:
        whole = chunk.whole()
        if not self._columns and not self._form:
            if chunk.lines is not None:
                return [chunk.lines[at] for at in whole]
            return [json_texts.of_sample(chunk.rows[at]) for at in whole]
        samples = []
        for at in whole:
            try:
                samples.append(json_texts.of_sample(self._shaped(chunk.rows[at])))
            except ValueError as error:
                chunk.broken[at] = str(error)
        return samples

    def _shaped(self, row: Any) -> Any:
        """Return the sample for a JSON row; raise ValueError with the reason."""
        if self._columns:
            if not isinstance(row, dict):
                raise ValueError("It is not an object, and --sample names keys.")
            missing = [name for name in self._columns if name not in row]
            if missing:
                raise ValueError(f"It has no {missing[0]!r}, which --sample names.")
            cells = [row[name] for name in self._columns]
            if self._form == VALUE or (not self._form and len(cells) == 1):
                if len(cells) > 1:
                    raise ValueError("It does not have exactly one value, as --as value requires.")
                return cells[0]
            return self._rows.sample(self._columns, cells)
        if self._form == LIST and isinstance(row, dict):
            return self._listed(row)
        if self._form == VALUE:
            items = list(row.values()) if isinstance(row, dict) else row
            if isinstance(items, list) and len(items) == 1:
                return items[0]
            raise ValueError("It does not have exactly one value, as --as value requires.")
        if self._form == OBJECT and not isinstance(row, dict):
            raise ValueError("It is not an object, as --as object requires.")
        return row

    def _listed(self, row: dict) -> list:
        """Return an object's values in the first object's key order; raise ValueError if its keys differ."""
        keys = self.keys or []
        if row.keys() != set(keys):
            raise ValueError(
                f"Its keys differ from those of the first object, which set the order of the list: {keys}."
            )
        return [row[key] for key in keys]


def picks(name: str, names: Sequence[str] | None, columns: Sequence[str], width: int) -> list[int]:
    """Return the positions of these columns; raise BatchInput for one that does not exist."""
    known = list(names) if names is not None else [str(number) for number in range(1, width + 1)]
    places = {column: place for place, column in enumerate(known)}
    missing = [column for column in columns if column not in places]
    if missing:
        there = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
        raise problems.BatchInput(
            name,
            f"it has no column {missing[0]!r}",
            f"It has: {there}; --header sets whether the first line has names.",
        )
    return [places[column] for column in columns]


def _forced(rows: Rows, form: str) -> Rows:
    """Return a converter to the form given with `--as`, with the types of the model's own samples."""
    kinds = {LIST: "array", OBJECT: "object"}
    if form not in kinds or rows.kinds == {kinds[form]}:
        return rows
    return Rows({"type": kinds[form]})


def _nested(sample: Any) -> Any:
    """Parse a cell's text if it is a JSON list or object; otherwise return it unchanged."""
    if not (isinstance(sample, str) and sample[:1] in ("[", "{")):
        return sample
    try:
        return json_codec.decode(sample.encode("utf-8"))
    except ValueError:
        return sample
