"""Determines where to declare a missing package: in the notebook's list, in the file that counts, or in a new cell."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from nb_builder.analysis import notebook_contract
from nb_builder.preflight.checks import Checked
from nb_builder.problems.modules import ImportsUndeclared, ImportUndeclared
from nb_builder.requirements.collect import Wanted
from nb_builder.rewrite.keep_requirements import NAME


@contextmanager
def placed(checked: Checked, wanted: Wanted) -> Iterator[None]:
    """Point the fix of a missing package at the place where these notebooks declare theirs."""
    try:
        yield
    except (ImportUndeclared, ImportsUndeclared) as problem:
        if not any(notebook_contract.bindings(NAME, notebook.cells) for notebook in checked.notebooks):
            _place(problem, wanted.choice.counted.file if wanted.choice.counted else "")
        raise


def adding(place: str, entries: str) -> str:
    """Return the instruction to add `entries`, for several imports at once; "" if there are none."""
    return f"; add {place}, with your versions: {entries}" if entries else ""


def _place(problem: ImportUndeclared | ImportsUndeclared, file: str) -> None:
    """Point the fix at a file of the repository, or at a new cell, instead of the cell's list."""
    entries = str(problem.facts["entries"])
    if not entries:
        return
    names = ", ".join(re.findall(r'\["([^"]+)"', entries))
    place, addition = (f"to {file}", names) if file else ("as a new cell", f"requirements = [{entries}]")
    facts = {**problem.facts, "entries": addition, "place": place, "adding": adding(place, addition)}
    problem.fix = problem.fix_text.format(**facts)
