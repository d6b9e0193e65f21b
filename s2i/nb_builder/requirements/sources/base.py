"""What one file says of packages, as every reader of this room gives it."""

from dataclasses import dataclass


class Unreadable(Exception):
    """A file that should say which packages are needed can't be read; the message says why."""


@dataclass(frozen=True)
class Said:
    """What a file says: lines as in a requirements.txt, constraints on them, the Python, and what was changed."""

    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    # A specifier of PEP 440, such as ">=3.9" or "==3.9.*"; "" for any Python.
    python: str = ""
    notes: tuple[str, ...] = ()
    # Where the requirements stand in the file, one each; none where they are no lines of it.
    numbers: tuple[int, ...] = ()

    def numbered(self) -> list[tuple[int, str]]:
        """Return the requirements with their lines in the file, or counted where they are no lines of it."""
        numbers = self.numbers or range(1, len(self.requirements) + 1)
        return list(zip(numbers, self.requirements, strict=True))


@dataclass(frozen=True)
class Declaration:
    """One file of the repository (or the notebook's own header) that says which packages are needed.

    `file` is its path relative to the repository. `wrong` is why it can't be read, "" if it can.
    """

    file: str
    said: Said
    wrong: str = ""
