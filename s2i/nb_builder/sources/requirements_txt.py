"""requirements.txt as pip, `pip freeze` on any system, or `conda list --export` have written it."""

import re
from collections.abc import Sequence
from pathlib import Path

from nb_builder.sources import conda, elsewhere, text
from nb_builder.sources.base import Said


def read(path: Path) -> Said:
    """Return what a requirements.txt says; raise Unreadable."""
    return of_lines(entries(text.read(path)), path.parent)


def of_lines(lines: Sequence[str], folder: Path | None = None) -> Said:
    """Return what lines as in a requirements.txt say; paths in them start from `folder`, if there is one."""
    exported = [line for line in lines if conda.EXPORTED.match(line)]
    if not exported:
        result, notes = elsewhere.mended(lines, folder)
        return Said(tuple(result), notes=tuple(notes))
    # What pip had installed there is marked so in place of a build.
    found = conda.of_specs(line for line in exported if not line.endswith("=pypi_0"))
    of_pip = [line.removesuffix("=pypi_0").replace("=", "==") for line in exported if line.endswith("=pypi_0")]
    rest = [line for line in lines if line not in exported]
    result, notes = elsewhere.mended([*found.requirements, *of_pip, *rest], folder)
    return Said(tuple(result), python=found.python, notes=("as conda writes it", *found.notes(), *notes))


def entries(content: str) -> list[str]:
    """Return the entries of a requirements file: no comments, no empty lines, continuation lines joined."""
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in content.replace("\\\n", " ").splitlines())
    return [line for line in lines if line]
