"""What a virtual environment holds: its distributions, and which file belongs to which of them."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Distribution:
    """One installed distribution; `files` are absolute paths that exist, bytecode and metadata included.

    `name` is normalised as the index has it (`python-dateutil`), `native` says whether it has shared objects.
    """

    name: str
    version: str
    files: tuple[str, ...]
    bytes: int
    native: bool
    requires: tuple[str, ...] = ()


def installed(venv: Path) -> tuple[Distribution, ...]:
    """Return the distributions of `venv` by their RECORD files, the biggest first."""
    raise NotImplementedError


def owners(held: tuple[Distribution, ...]) -> dict[str, list[Distribution]]:
    """Return {file: its distributions}: most have one, the `__init__.py` of a shared package may have several."""
    found: dict[str, list[Distribution]] = {}
    for distribution in held:
        for file in distribution.files:
            found.setdefault(file, []).append(distribution)
    return found
