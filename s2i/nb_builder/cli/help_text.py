"""Reads all settings from their tables, for `nb-builder settings` and the help of commands."""

import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from nb_scorer.common.settings_table import Knob
from nb_service import settings as service

from nb_builder.common import settings as build

BUILD, SERVICE = "Build settings", "Service settings"
# Set by images and scripts rather than by users.
_INNER = frozenset(("S2I_SRC", "APP_ROOT", "STI_SCRIPTS_PATH", "NB_BUILDER_HOME", "S2I_PROBLEM_FILE"))
_INDENT = " " * 6


class Row(NamedTuple):
    """One setting: its variable, its default as text, and its help text."""

    name: str
    default: str | None
    help: str


def tables() -> dict[str, list[Row]]:
    """Return all settings by the title of their table."""
    return {BUILD: _rows(build.KNOBS), SERVICE: _rows(service.KNOBS)}


def shown(tables: Mapping[str, Sequence[Row]]) -> str:
    """Return the tables as text for a terminal."""
    width = min(shutil.get_terminal_size().columns, 100)
    parts = []
    for title, rows in tables.items():
        parts.append(f"{title}:\n")
        for row in rows:
            text = row.help + (f" Default: {row.default}." if row.default else "")
            lines = textwrap.fill(text, width, initial_indent=_INDENT, subsequent_indent=_INDENT)
            parts.append(f"  {row.name}\n{lines}\n")
    return "\n".join(parts)


def chosen(names: Iterable[str]) -> dict[str, list[Row]]:
    """Return the rows of these variables; the title of a table stands for all of its rows."""
    wanted = set(names)
    picked = {title: [row for row in rows if title in wanted or row.name in wanted] for title, rows in tables().items()}
    return {title: rows for title, rows in picked.items() if rows}


def _rows(knobs: Iterable[Knob]) -> list[Row]:
    return [Row(knob.env, _default(knob.default), knob.help) for knob in knobs if knob.env not in _INNER]


def _default(value: object) -> str | None:
    if value is None or value == "":
        return None
    return {True: "1", False: "0"}[value] if isinstance(value, bool) else str(value)
