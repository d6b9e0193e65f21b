"""The journal of a job: its identity and progress, flushed to disk before the job relies on them.

One JSON line each: first the job's identity, then its progress after each part. An incomplete last line is ignored.
"""

import json
import os
import re
import shutil
from typing import NamedTuple

from nb_service import problems
from nb_service.backends.batch.inputs import reason
from nb_service.backends.batch.outputs import lock

NAME = "journal"
VERSION = 2
_OWN = re.compile(rf"{NAME}|[0-9]+\.data(\.made)?")


class Mark(NamedTuple):
    """A job's progress, with the sizes of its files at that time: data beyond them doesn't count.

    `task` is the number of the output, `source` of the input in it, `rows` how many of that input's rows are done, and
    `rows_before` how many rows the inputs before it have. `keys` are those of the first object if objects become lists.
    `is_ended` is whether all rows of the task are done, `is_written` whether its output has its final name.
    """

    task: int = 0
    source: int = 0
    rows: int = 0
    rows_before: int = 0
    data: int = 0
    errors: int = 0
    rows_in: int = 0
    rows_out: int = 0
    rows_of_task: int = 0
    is_ended: bool = False
    is_written: bool = False
    shape: list | None = None
    reasons: list | None = None
    keys: list | None = None


class Journal:
    """The journal in `folder`, which is created; `job` identifies the job.

    `mark` is the last mark, or None for a new job. Raises BatchJournal if another job was started in this folder, and
    BatchOutput if nothing can be written.
    """

    def __init__(self, folder: str, job: dict, *, restart: bool) -> None:
        self.folder = folder
        self._path = os.path.join(folder, NAME)
        try:
            os.makedirs(folder, exist_ok=True)
            _check_own(folder)
            self._file = open(self._path, "a+b", buffering=0)  # noqa: SIM115 - until `close`
        except OSError as error:
            raise problems.BatchOutput(folder, reason(error)) from error
        lock(self._file, folder)
        self.mark: Mark | None = None
        try:
            self._begin(job, [] if restart else self._lines())
        except BaseException:
            self._file.close()
            raise

    def _begin(self, job: dict, lines: list[dict]) -> None:
        if len(lines) > 1 and (lines[-1].get("rows_in") or lines[-1].get("is_ended")):
            self._check(lines[0], {"version": VERSION, **job})
            self.mark = Mark(**lines[-1])
        else:
            # Another job may replace a journal without progress.
            self._file.truncate(0)
            self._write({"version": VERSION, **job})

    def _lines(self) -> list[dict]:
        """Return the complete lines, and truncate the file after them."""
        self._file.seek(0)
        data = self._file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._file.truncate(len(whole))
        try:
            return [json.loads(line) for line in whole.splitlines()]
        except ValueError as error:
            raise problems.BatchJournal(self.folder, "its journal can't be read") from error

    def _check(self, was: dict, now: dict) -> None:
        now = json.loads(json.dumps(now))
        if was == now:
            return
        for name in {**was, **now}:
            if was.get(name) != now.get(name):
                raise problems.BatchJournal(self.folder, _difference(name, was.get(name), now.get(name)))

    def note(self, mark: Mark) -> None:
        """Flush a mark to disk; raise OSError."""
        self.mark = mark
        self._write(mark._asdict())

    def _write(self, line: dict) -> None:
        try:
            data = json.dumps(line).encode("ascii") + b"\n"
            while data:
                data = data[self._file.write(data) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            raise problems.BatchOutput(self.folder, reason(error)) from error

    def close(self) -> None:
        """Close the journal; its contents stay."""
        self._file.close()

    def remove(self) -> None:
        """Remove the journal and its folder when the job is over."""
        self._file.close()
        try:
            shutil.rmtree(self.folder)
        except OSError as error:
            raise problems.BatchOutput(self.folder, reason(error), "Remove it: the job is complete.") from error


def _check_own(folder: str) -> None:
    """Raise BatchOutput if a folder, which is removed when the job is over, contains foreign files."""
    if os.path.islink(folder):
        raise problems.BatchOutput(folder, "it is a link", "Remove it: a job keeps its own files there.")
    strange = sorted(name for name in os.listdir(folder) if not _OWN.fullmatch(name))
    if strange:
        raise problems.BatchOutput(
            folder,
            f"it has {strange[0]!r}, which is not a file of a job",
            "Move it away: a job keeps its own files there.",
        )


def _difference(name: str, was: object, now: object) -> str:
    if name == "inputs" and isinstance(was, list) and isinstance(now, list):
        if [each["path"] for each in was] != [each["path"] for each in now]:
            return f"its inputs were {len(was)} files, and are now {len(now)}, or different ones"
        changed = [each["path"] for each, other in zip(was, now, strict=True) if each != other]
        return f"{changed[0]} has changed since"
    if name == "model":
        return "the model differs"
    if name == "version":
        return "another version of this program wrote it"
    if name == "options" and isinstance(was, dict) and isinstance(now, dict):
        option = next(key for key in {**was, **now} if was.get(key) != now.get(key))
        return f"{option} was {was.get(option)!r}, and is {now.get(option)!r}"
    return f"{name} was {was!r}, and is {now!r}"
