"""What one file says about packages: what every reader of this folder returns."""

from dataclasses import dataclass


class Unreadable(Exception):
    """A file that should say which packages are needed can't be read; the message says why."""


@dataclass(frozen=True)
class Packages:
    """What a file asks for: lines as in a requirements.txt, constraints on them, and the Python.

    `notes` say what was changed on reading.
    """

    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    # A specifier of PEP 440, such as ">=3.9" or "==3.9.*"; "" for any Python.
    python: str = ""
    notes: tuple[str, ...] = ()
    # The line of the file that each requirement is on; empty where requirements are not lines of the file.
    numbers: tuple[int, ...] = ()

    def numbered(self) -> list[tuple[int, str]]:
        """Return the requirements, each with its line in the file, or with its position where it has no line."""
        numbers = self.numbers or range(1, len(self.requirements) + 1)
        return list(zip(numbers, self.requirements, strict=True))


@dataclass(frozen=True)
class Declaration:
    """One file of the repository (or the notebook's own header) that says which packages are needed.

    `file` is its path relative to the repository. `error` says why it can't be read; it is "" if it can.
    """

    file: str
    packages: Packages
    error: str = ""
