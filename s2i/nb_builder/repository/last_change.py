"""Determines when a notebook last changed, from git or the metadata of tools: the date for S2I_RESOLVE_AS_OF=auto."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

from nbformat import NotebookNode

from nb_builder.common import resolve_date
from nb_builder.common.resolve_date import AsOf
from nb_builder.problems.packages import DateUnknown
from nb_builder.repository import git_metadata


def choose(setting: resolve_date.Value | None, changed: AsOf | None, notebook: Path) -> AsOf | None:
    """Return the date to resolve to: the setting's, `changed` for AUTO, or None.

    Raises DateUnknown for AUTO if `changed` is None.
    """
    if setting == resolve_date.AUTO:
        if changed is None:
            raise DateUnknown(notebook=notebook)
        return changed
    return AsOf(setting, resolve_date.SETTING) if isinstance(setting, datetime) else None


def find(repository: Path, notebook: Path, node: NotebookNode) -> AsOf | None:
    """Return when the notebook last changed: from its last commit, else its metadata; None if both are unknown.

    In a shallow clone every file seems to belong to the last commit, so metadata take precedence there.
    """
    committed = _committed(repository, notebook)
    recorded = _recorded(notebook, node)
    if git_metadata.is_shallow(repository):
        return recorded or committed
    return committed or recorded


def _committed(repository: Path, notebook: Path) -> AsOf | None:
    text = git_metadata.last_commit(repository, notebook)
    moment = _moment(text)
    return AsOf(moment, f"the last commit of {notebook}") if moment else None


def _recorded(notebook: Path, node: NotebookNode) -> AsOf | None:
    """Return the latest time at which a tool recorded that it ran a cell."""
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
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    return None
