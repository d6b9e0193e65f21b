"""The packages that a file declares: the result of every reader in this folder."""

from dataclasses import dataclass


class Unreadable(Exception):
    """A file that declares packages can't be read; the message is the reason."""


@dataclass(frozen=True)
class Packages:
    """The content of a file: lines as in a requirements.txt, constraints on them, and the Python.

    `notes` describe what was changed on reading.
    """

    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    # A PEP 440 specifier, such as ">=3.9" or "==3.9.*"; "" for any Python.
    python: str = ""
    notes: tuple[str, ...] = ()
    # The line of the file that contains each requirement; empty if requirements are not lines of the file.
    numbers: tuple[int, ...] = ()

    def numbered(self) -> list[tuple[int, str]]:
        """Return the requirements, each with its line in the file, or with its position if it has no line."""
        numbers = self.numbers or range(1, len(self.requirements) + 1)
        return list(zip(numbers, self.requirements, strict=True))


@dataclass(frozen=True)
class Declaration:
    """One file of the repository (or the notebook's own header) that declares packages.

    `file` is its path relative to the repository. `error` is the reason why it can't be read, or "".
    """

    file: str
    packages: Packages
    error: str = ""
