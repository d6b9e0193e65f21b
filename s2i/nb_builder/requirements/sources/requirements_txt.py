"""requirements.txt as pip, `pip freeze` on any system, or `conda list --export` have written it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from nb_builder.requirements.logical_lines import logical
from nb_builder.requirements.sources import conda, elsewhere, text
from nb_builder.requirements.sources.base import Said


def read(path: Path) -> Said:
    """Return what a requirements.txt says; raise Unreadable."""
    entries = list(logical(text.read(path)))
    said = of_lines([line for _, line in entries])
    # What conda has written is sorted anew.
    return said if is_of_conda(line for _, line in entries) else replace(said, numbers=tuple(n for n, _ in entries))


def is_of_conda(lines: Iterable[str]) -> bool:
    """Tell whether one of `lines` is of the form that `conda list --export` writes."""
    return any(conda.EXPORTED.match(line) for line in lines)


def of_lines(lines: Sequence[str]) -> Said:
    """Return what lines as in a requirements.txt say."""
    if not is_of_conda(lines):
        result, notes = elsewhere.mended(lines)
        return Said(tuple(result), notes=tuple(notes))
    exported = [line for line in lines if conda.EXPORTED.match(line)]
    # What pip had installed there is marked so in place of a build.
    found = conda.of_specs(line for line in exported if not line.endswith("=pypi_0"))
    of_pip = [line.removesuffix("=pypi_0").replace("=", "==") for line in exported if line.endswith("=pypi_0")]
    rest = [line for line in lines if line not in exported]
    result, notes = elsewhere.mended([*found.requirements, *of_pip, *rest])
    return Said(tuple(result), python=found.python, notes=("as conda writes it", *found.notes(), *notes))
