"""Answers as they came: the JSON of all of them, which becomes values only where somebody looks into them."""

import json
from collections.abc import Sequence
from typing import Any

from nb_service.backends.batch import json_texts
from nb_service.protocols import csv_body


class Answers:
    """The answers of some samples, as an array of JSON or as values."""

    def __init__(self, count: int, *, array: bytes | None = None, values: list | None = None) -> None:
        self._values = values
        self._texts: list[str] | None = None
        if array is not None and array.count(b"[") == 1 and b'"' not in array and b"{" not in array:
            # Numbers, truths and nulls: what is between two commas is one of them.
            self._texts = array.decode("ascii")[1:-1].split(", ") if count else []
        elif array is not None:
            self._values = json.loads(array)
        if len(self) != count:
            raise RuntimeError(f"{count} samples got {len(self)} answers")

    def __len__(self) -> int:
        return len(self._texts if self._texts is not None else self._values or ())

    @property
    def values(self) -> list:
        """Return the decoded answers."""
        if self._values is None:
            self._values = json.loads("[" + ",".join(self._texts or ()) + "]")
        return self._values

    @property
    def texts(self) -> Sequence[str]:
        """Return the JSON of each."""
        return self._texts if self._texts is not None else json_texts.of_values(self.values)

    @property
    def cells(self) -> Sequence[str]:
        """Return each as a cell of CSV."""
        if self._texts is None:
            return [*map(csv_body.cell, self.values)]
        return ["" if text == "null" else text for text in self._texts] if "null" in self._texts else self._texts

    @property
    def are_plain(self) -> bool:
        """Return whether they are numbers, truths and nulls alone."""
        return self._texts is not None

    def first_object(self) -> dict[str, Any] | None:
        """Return the first answer that is an object, None where none is."""
        return None if self._texts is not None else next((one for one in self.values if isinstance(one, dict)), None)
