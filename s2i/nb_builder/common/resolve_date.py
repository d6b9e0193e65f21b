"""S2I_RESOLVE_AS_OF: the date whose packages the requirements are resolved to, and when the notebook last changed."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from nbformat import NotebookNode

from nb_builder.problems import DateUnknown
from nb_builder.repository import git_metadata

SETTING = "S2I_RESOLVE_AS_OF"
AUTO = "auto"

# What the setting can be: AUTO, or the end of a day.
Value = str | datetime

_FORM = "a date such as 2024-06-01, or auto"


@dataclass(frozen=True)
class AsOf:
    """A moment (of UTC), and what named it: packages that were published later are not there."""

    moment: datetime
    source: str

    @property
    def day(self) -> str:
        """Return the last day whose packages count, such as 2024-06-01."""
        return (self.moment - timedelta(seconds=1)).date().isoformat()

    @property
    def stamp(self) -> str:
        """Return the moment as installers take it, such as 2024-06-02T00:00:00Z."""
        return self.moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def read(value: str) -> Value:
    """Return the setting's value: AUTO, or the end of the day that it names; raise ValueError with its form."""
    if value == AUTO:
        return AUTO
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        raise ValueError(_FORM)
    try:
        day = date.fromisoformat(value)
    except ValueError as wrong:
        raise ValueError(f"{_FORM} ({wrong})") from None
    return _end_of(day)


def choose(setting: Value | None, changed: AsOf | None, notebook: Path) -> AsOf | None:
    """Return the date to resolve to: what the setting says, `changed` for AUTO, None for today.

    Raises DateUnknown where AUTO finds nothing.
    """
    if setting == AUTO:
        if changed is None:
            raise DateUnknown(notebook=notebook)
        return changed
    return AsOf(setting, SETTING) if setting else None


def last_change(repository: Path, notebook: Path, node: NotebookNode) -> AsOf | None:
    """Return when the notebook last changed: by its last commit, or by its metadata; None where neither tells.

    In a shallow clone every file seems to be of the last commit; then metadata are asked first.
    """
    committed = _committed(repository, notebook)
    recorded = _recorded(notebook, node)
    if git_metadata.is_shallow(repository):
        return recorded or committed
    return committed or recorded


def _committed(repository: Path, notebook: Path) -> AsOf | None:
    text = git_metadata.last_commit(repository, notebook)
    return AsOf(_moment(text), f"the last commit of {notebook}") if text else None


def _recorded(notebook: Path, node: NotebookNode) -> AsOf | None:
    """Return the newest moment at which a tool says that it has run something."""
    moments = [moment for text in _recordings(node) if (moment := _moment(text))]
    return AsOf(max(moments), f"the metadata of {notebook}") if moments else None


def _recordings(node: NotebookNode) -> Iterator[object]:
    """Yield the times in the metadata of papermill, JupyterLab (and Kaggle), ExecuteTime and Colab."""
    for metadata in (node.metadata, *(cell.metadata for cell in node.cells)):
        yield _field(metadata, "papermill").get("end_time")
        yield _field(metadata, "ExecuteTime").get("end_time")
        yield _field(metadata, "executionInfo").get("timestamp")
        yield from _field(metadata, "execution").values()


def _field(metadata: Mapping, name: str) -> Mapping:
    value = metadata.get(name)
    return value if isinstance(value, Mapping) else {}


def _moment(value: object) -> datetime | None:
    """Return a time in ISO 8601, or in milliseconds since 1970, without its fraction; None for anything else."""
    with suppress(ValueError, OverflowError, OSError):
        if isinstance(value, int) and not isinstance(value, bool):
            return datetime.fromtimestamp(value // 1000, timezone.utc)
        if isinstance(value, str):
            text = re.sub(r"\.\d+", "", value.strip()).replace("Z", "+00:00")
            found = datetime.fromisoformat(text)
            return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    return None


def _end_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=timezone.utc) + timedelta(days=1)
