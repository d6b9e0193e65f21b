"""The minor versions of Python that notebooks can be built with."""

OLDEST = 6
NEWEST = 15
MINORS = tuple(f"3.{number}" for number in range(OLDEST, NEWEST + 1))


def number(minor: str) -> int:
    """Return the minor number, such as 11 for "3.11"."""
    return int(minor.partition(".")[2])
