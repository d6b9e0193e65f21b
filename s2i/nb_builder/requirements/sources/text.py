"""Reads text and TOML files, which any editor on any system may have written."""

import sys
from pathlib import Path

from nb_builder.common import text_files
from nb_builder.requirements.sources.declaration import Unreadable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read(path: Path) -> str:
    """Return the text of `path` in UTF-8 or UTF-16, with or without a byte order mark; raise Unreadable."""
    try:
        return text_files.read(path)
    except UnicodeDecodeError:
        raise Unreadable("it is neither UTF-8 nor UTF-16 text") from None


def header(content: str) -> dict:
    """Parse the TOML in a script's PEP 723 header; raise Unreadable."""
    try:
        return tomllib.loads(content)
    except ValueError as error:
        raise Unreadable(f"its PEP 723 header is not TOML ({error})") from None


def toml(path: Path) -> dict:
    """Parse the TOML file `path`; raise Unreadable."""
    try:
        return tomllib.loads(read(path))
    except ValueError as error:
        # For a number with thousands of digits, Python raises a different error.
        raise Unreadable(f"it is not TOML ({error})") from None


def strings(value: object, name: str) -> tuple[str, ...]:
    """Return a list of strings, or a single string, as a tuple; raise Unreadable for anything else."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(entry, str) for entry in items):
        raise Unreadable(f"{name} is not a list of strings")
    return tuple(items)


def table(value: object, *names: str) -> dict:
    """Return the table at `names` inside `value`, or an empty one."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
