"""Writes rows without a prediction as NDJSON lines with number, file, row, sample, status and reason."""

import os

from nb_service.backends.batch import json_texts
from nb_service.backends.batch.outputs import Growing, guarded

# Number of reasons to report if there is no errors file.
TOLD = 10


class Errors:
    """Collects rows without a prediction, in input order, in the file `path` ("" for none).

    The file gets its final name when the job is over. `is_over` is whether all outputs have theirs.
    """

    def __init__(self, path: str, size: int, reasons: list[str], *, is_over: bool) -> None:
        self.path = path
        self.reasons = reasons  # the first ones, as reported
        self.last = reasons[-1] if reasons else ""
        self._staged = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.nb-batch") if path else ""
        self._file = None
        # If the job stopped just before its last step, the file already has its final name. In any other case, rows are
        # missing.
        if path and not (is_over and not os.path.exists(self._staged) and os.path.exists(path)):
            with guarded(self._staged):
                os.makedirs(os.path.dirname(self._staged) or ".", exist_ok=True)
            self._file = Growing(self._staged, size)

    @property
    def place(self) -> str:
        """Return the path that holds the rows until the job is over; "" if they are not kept."""
        return self._staged

    def note(self, number: int, file: str, row: object, sample: str | None, status: int, reason: str) -> None:
        """Record a row: its number in its file (from 1), the row itself, and the sample made from it, as JSON."""
        self.last = f"row {number} of {file}: {reason}"
        if len(self.reasons) < TOLD:
            self.reasons.append(self.last)
        if self._file is not None:
            values = {"row": number, "file": file, "input": row, "sample": None, "status": status, "reason": reason}
            texts = {name: json_texts.text(value) for name, value in values.items()}
            texts["sample"] = sample or "null"
            (line,) = json_texts.as_objects(texts, [[text] for text in texts.values()], 1)
            self._file.write(json_texts.encoded(line + "\n"))

    def keep(self) -> int:
        """Flush the recorded rows to disk; return the file's size."""
        return self._file.keep() if self._file is not None else 0

    def finish(self) -> None:
        """Give the file its final name."""
        if self._file is not None:
            self._file.keep()
            self._file.close()
            self._file.give_name(self.path)

    def close(self) -> None:
        """Close the file without giving it its final name."""
        if self._file is not None:
            self._file.close()
