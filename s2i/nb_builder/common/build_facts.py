"""Results of build steps, which later steps use and the report contains."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from nb_service.weights.lock import Entry


@dataclass(frozen=True)
class Circumstances:
    """Facts that must be unchanged to reuse any part of the previous build."""

    python: str
    platform: str
    builder: str


@dataclass(frozen=True)
class Origin:
    """The commit and its repository without credentials, if known, and the notebooks' digests.

    `uncommitted` are files that differ from the commit.
    """

    notebooks: Mapping[str, str]
    commit: str | None = None
    source: str | None = None
    uncommitted: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Resolution:
    """How requirements were resolved to versions: by a lock, or as of a date, whose source is `by`."""

    lock: str | None = None
    as_of: str | None = None
    by: str | None = None
    pinned: tuple[str, ...] = ()
    unpinned: tuple[str, ...] = ()

    def as_report(self) -> dict[str, Any]:
        """Return the report's entry."""
        if self.lock:
            return {"lock": self.lock, "as_of": None}
        source = {"by": self.by} if self.by else {}
        return {"as_of": self.as_of, **source, "pinned": self.pinned, "unpinned": self.unpinned}


@dataclass(frozen=True)
class Installed:
    """The packages of the notebook's environment, as `pip freeze` lists them, and their origin.

    `asked` is the fingerprint of the requirements. `added_by_cells` lists what cells have installed; None before they
    run.
    """

    packages: list[str]
    as_locked: bool
    lock_sha256: str
    asked: str
    resolved: Resolution
    added_by_cells: list[str] | None = field(default=None, metadata={"entry": "brought_by_pip"})


@dataclass(frozen=True)
class Inputs:
    """Inputs of a model: files that cells read and wrote, by name, and one digest of all inputs."""

    read: Mapping[str, str]
    read_complete: bool
    written: list[str]
    recipe: str


@dataclass(frozen=True)
class MadeOf:
    """Everything from which a model was built."""

    circumstances: Circumstances
    origin: Origin
    installed: Installed
    inputs: Inputs
    weights: tuple[Entry, ...] = ()


Fact = Circumstances | Origin | Installed | Inputs


def as_report(fact: Fact) -> dict[str, Any]:
    """Return the report's entries, without unknown ones."""
    values = {each.metadata.get("entry", each.name): getattr(fact, each.name) for each in fields(fact)}
    known = {name: value for name, value in values.items() if value is not None}
    return {name: value.as_report() if isinstance(value, Resolution) else value for name, value in known.items()}
