"""The rows that got no answer: each a line of NDJSON, with its number, file, row, sample, status and reason."""

import os

from nb_service.backends.batch import json_texts
from nb_service.backends.batch.outputs import Growing, guarded

# So many reasons are told where there is no file for them.
TOLD = 10


class Errors:
    """Takes the rows that got no answer; `path` is their file, "" for none. They count in the order of the input.

    The file has its final name once the job is over. `is_over` is whether all outputs have theirs.
    """

    def __init__(self, path: str, size: int, reasons: list[str], *, is_over: bool) -> None:
        self.path = path
        self.reasons = reasons  # the first ones, as told
        self.last = reasons[-1] if reasons else ""
        self._staged = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.nb-batch") if path else ""
        self._file = None
        # A job that was stopped after its last act but one has given the file its name; any other would lose rows.
        if path and not (is_over and not os.path.exists(self._staged) and os.path.exists(path)):
            with guarded(self._staged):
                os.makedirs(os.path.dirname(self._staged) or ".", exist_ok=True)
            self._file = Growing(self._staged, size)

    @property
    def place(self) -> str:
        """Return where the rows are until the job is over; "" where they are not kept."""
        return self._staged

    def note(self, number: int, file: str, row: object, sample: str | None, status: int, reason: str) -> None:
        """Take a row: its number, counted from 1 in its file, itself, and what predictor got for it, as JSON."""
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
        """Have on the disk what was taken; return the file's size."""
        return self._file.keep() if self._file is not None else 0

    def finish(self) -> None:
        """Give the file its final name."""
        if self._file is not None:
            self._file.keep()
            self._file.close()
            self._file.give_name(self.path)

    def close(self) -> None:
        """Close the file, which keeps its other name."""
        if self._file is not None:
            self._file.close()
