"""Predictions as received: one JSON text, which is decoded only when a value is needed."""

import json
from collections.abc import Sequence
from typing import Any

from nb_service.backends.batch import json_texts
from nb_service.protocols import csv_body


class Answers:
    """The predictions for some samples, as a JSON array or as values."""

    def __init__(self, count: int, *, array: bytes | None = None, values: list | None = None) -> None:
        self._values = values
        self._texts: list[str] | None = None
        if array is not None and array.count(b"[") == 1 and b'"' not in array and b"{" not in array:
            # Numbers, booleans and nulls contain no commas, so splitting at commas gives one each.
            self._texts = array.decode("ascii")[1:-1].split(", ") if count else []
        elif array is not None:
            self._values = json.loads(array)
        if len(self) != count:
            raise RuntimeError(f"{count} samples got {len(self)} answers")

    def __len__(self) -> int:
        return len(self._texts if self._texts is not None else self._values or ())

    @property
    def values(self) -> list:
        """Return the decoded predictions."""
        if self._values is None:
            self._values = json.loads("[" + ",".join(self._texts or ()) + "]")
        return self._values

    @property
    def texts(self) -> Sequence[str]:
        """Return the JSON text of each prediction."""
        return self._texts if self._texts is not None else json_texts.of_values(self.values)

    @property
    def cells(self) -> Sequence[str]:
        """Return each prediction as a CSV cell."""
        if self._texts is None:
            return [*map(csv_body.cell, self.values)]
        return ["" if text == "null" else text for text in self._texts] if "null" in self._texts else self._texts

    @property
    def are_plain(self) -> bool:
        """Return whether all predictions are numbers, booleans or nulls."""
        return self._texts is not None

    def first_object(self) -> dict[str, Any] | None:
        """Return the first prediction that is an object, or None."""
        return None if self._texts is not None else next((one for one in self.values if isinstance(one, dict)), None)
