"""Merges the requirements of several notebooks, which share one environment."""

import functools
import operator
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from nb_builder.problems.packages import RequirementsConflict
from nb_builder.requirements.collect import Wanted, write
from nb_builder.requirements.pins import conflict
from nb_builder.requirements.sources import Choice


def join(parts: Sequence[tuple[Path, Wanted]]) -> Wanted:
    """Return the merged requirements of `parts`, which are (notebook, its requirements).

    The lock is that of the last notebook. Raises RequirementsConflict if two of them pin a package differently.
    """
    if len(parts) == 1:
        return parts[0][1]
    for first, second in combinations(parts, 2):
        _check_agreement(*first, *second)
    last = parts[-1][1]
    cell = tuple({str(requirement): requirement for _, wanted in parts for requirement in wanted.cell}.values())
    asked = functools.reduce(operator.add, (wanted.asked for _, wanted in parts))
    joined = Wanted(cell, last.emitted, last.lock, asked, last.top, _one_choice([wanted.choice for _, wanted in parts]))
    write(joined)
    return joined


def _one_choice(choices: Sequence[Choice]) -> Choice:
    """Return the last choice with the notes of all; if no file counts in it, with the file of the last that has one."""
    counted = next((choice.counted for choice in reversed(choices) if choice.counted), None)
    notes = tuple(dict.fromkeys(note for choice in choices for note in choice.notes))
    return replace(choices[-1], counted=counted, notes=notes)


def _check_agreement(name: Path, wanted: Wanted, other_name: Path, other: Wanted) -> None:
    for ours in wanted.cell:
        for theirs in other.cell:
            if conflict(ours, theirs):
                reason = f"{name} requires {ours}, and {other_name} requires {theirs}."
                raise RequirementsConflict(reason=reason, detail="")
