"""requirements.txt as written by hand, by `pip freeze` on any system, or by `conda list --export`."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from nb_builder.requirements.logical_lines import logical
from nb_builder.requirements.sources import conda, elsewhere, text
from nb_builder.requirements.sources.declaration import Packages


def read(path: Path) -> Packages:
    """Return the content of a requirements.txt; raise Unreadable."""
    entries = list(logical(text.read(path)))
    packages = of_lines([line for _, line in entries])
    # The lines of a conda export are converted in another order, so they have no line numbers.
    return (
        packages
        if is_of_conda(line for _, line in entries)
        else replace(packages, numbers=tuple(number for number, _ in entries))
    )


def is_of_conda(lines: Iterable[str]) -> bool:
    """Return whether one of `lines` has the form that `conda list --export` writes."""
    return any(conda.EXPORTED.match(line) for line in lines)


def of_lines(lines: Sequence[str]) -> Packages:
    """Return the content of lines in requirements.txt format."""
    if not is_of_conda(lines):
        requirements, notes = elsewhere.portable(lines)
        return Packages(tuple(requirements), notes=tuple(notes))
    exported = [line for line in lines if conda.EXPORTED.match(line)]
    # For packages that pip installed, conda writes `pypi_0` instead of the build.
    conversion = conda.of_specs(line for line in exported if not line.endswith("=pypi_0"))
    of_pip = [line.removesuffix("=pypi_0").replace("=", "==") for line in exported if line.endswith("=pypi_0")]
    others = [line for line in lines if line not in exported]
    requirements, notes = elsewhere.portable([*conversion.requirements, *of_pip, *others])
    return Packages(
        tuple(requirements), python=conversion.python, notes=("as conda writes it", *conversion.notes(), *notes)
    )
