"""What the steps of a build return: later steps use these values, and the report is written from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from nb_service.weights.lock import Entry


@dataclass(frozen=True)
class Circumstances:
    """What must be equal before anything of the previous build is used."""

    python: str
    platform: str
    builder: str


@dataclass(frozen=True)
class Origin:
    """The commit and its repository, without credentials, as far as they are known, and the notebooks' digests.

    `uncommitted` are files that differ from the commit.
    """

    notebooks: Mapping[str, str]
    commit: str | None = None
    source: str | None = None
    uncommitted: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Resolution:
    """How requirements became versions: by a lock, or as of a date, of which `by` is the source."""

    lock: str | None = None
    as_of: str | None = None
    by: str | None = None
    pinned: tuple[str, ...] = ()
    unpinned: tuple[str, ...] = ()

    def as_report(self) -> dict[str, Any]:
        """Return the entry of the report."""
        if self.lock:
            return {"lock": self.lock, "as_of": None}
        source = {"by": self.by} if self.by else {}
        return {"as_of": self.as_of, **source, "pinned": self.pinned, "unpinned": self.unpinned}


@dataclass(frozen=True)
class Installed:
    """The packages of the notebook's environment, as `pip freeze` lists them, and what they come from.

    `asked` is the fingerprint of the requirements. `added_by_cells` is what cells have installed, None before they ran.
    """

    packages: list[str]
    as_locked: bool
    lock_sha256: str
    asked: str
    resolved: Resolution
    added_by_cells: list[str] | None = field(default=None, metadata={"entry": "brought_by_pip"})


@dataclass(frozen=True)
class Inputs:
    """What a model was made of: files that cells read and wrote, by name, and one digest of all inputs."""

    read: Mapping[str, str]
    read_complete: bool
    written: list[str]
    recipe: str


@dataclass(frozen=True)
class MadeOf:
    """All that a model was made of."""

    circumstances: Circumstances
    origin: Origin
    installed: Installed
    inputs: Inputs
    weights: tuple[Entry, ...] = ()


Fact = Circumstances | Origin | Installed | Inputs


def as_report(fact: Fact) -> dict[str, Any]:
    """Return the report's entries, without those that are not known."""
    values = {each.metadata.get("entry", each.name): getattr(fact, each.name) for each in fields(fact)}
    known = {name: value for name, value in values.items() if value is not None}
    return {name: value.as_report() if isinstance(value, Resolution) else value for name, value in known.items()}
