"""What the notebook requires: the cell by script one, requirements.txt and requirements.lock of the repository."""

import os
import re
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nb_scorer import layout
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from nb_builder import provenance, sources
from nb_builder.problems import (
    LockOutdated,
    RequirementIsOption,
    RequirementsConflict,
    RequirementsMalformed,
    RequirementsNeedPackages,
)
from nb_builder.rewrite.emit_requirements import MALFORMED
from nb_builder.sources import NOTHING, Choice, Declaration, requirements_txt, text

# Script one only computes a list; what takes longer waits for something.
_TIME_LIMIT = 60

# What must be there to load the model; the notebook may pin its version.
CLOUDPICKLE = "cloudpickle"

_LOCKED = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?\s*==\s*([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True)
class Wanted:
    """All that asks for packages: the cell's list (as a file too), and files of the repository.

    `file` is the requirements.txt that counts, or a file of ours with what another declaration says;
    `constraints` has the versions of its lock. `choice` is where it came from.
    """

    cell: tuple[Requirement, ...]
    emitted: Path
    file: Path | None
    lock: Path | None
    constraints: Path | None = None
    choice: Choice = NOTHING

    def __len__(self) -> int:
        """Return how many requirements the author has written down."""
        return len(self.cell) + (len(_lines(self.file)) if self.file else 0)

    @property
    def declared(self) -> bool:
        """Return whether anything says what to install, be it that nothing is needed."""
        return bool(self.cell or self.file or self.lock)

    @property
    def fingerprint(self) -> str:
        """Return what an earlier answer of a resolver depends on; "" where other files are drawn in as well."""
        paths = (self.emitted, self.file, self.lock, self.constraints)
        texts = [path.read_text("utf-8") for path in paths if path]
        drawn_in = self.file and any(line.startswith("-") for line in _lines(self.file))
        return "" if drawn_in else provenance.fingerprint({"texts": texts})

    @property
    def pinned(self) -> list[str]:
        """Return the normalised names of the requirements that leave nothing of their version open."""
        locked = filter(None, map(_requirement, _lines(self.constraints) if self.constraints else ()))
        pinned = [*(each for each in self._entries() if each.url or _is_pinned(each)), *locked]
        return sorted({canonicalize_name(each.name) for each in pinned})

    @property
    def unpinned(self) -> list[str]:
        """Return the normalised names of the requirements that leave their version to the day of the build."""
        return sorted({canonicalize_name(each.name) for each in self._entries()} - set(self.pinned))

    def _entries(self) -> list[Requirement]:
        return [*self.cell, *filter(None, map(_requirement, _lines(self.file) if self.file else ()))]

    @property
    def sources(self) -> list[str]:
        """Return the files that an installer is to resolve together."""
        return [str(path) for path in (self.emitted, self.file) if path]


def collect(
    script: Path, python: Path, folder: Path, src: Path, notebook: Path, declared: Sequence[Declaration] = ()
) -> Wanted:
    """Run script one with the bare model Python in `folder`, and add what files of the repository ask for.

    `declared` is what they say, the nearest first. Writes requirements.txt beside `script`. Raises
    RequirementsNeedPackages, RequirementsMalformed, RequirementIsOption, RequirementsConflict or LockOutdated.
    """
    emitted = script.with_name(layout.REQUIREMENTS)
    _emit(script, python, folder, emitted, notebook)
    lines = [_with_path(line, folder, src, notebook) for line in emitted.read_text(encoding="utf-8").splitlines()]
    said = requirements_txt.of_lines(lines)
    lines = said.requirements
    cell = tuple(parse(line, notebook) for line in lines)
    emitted.write_text("".join(line + "\n" for line in [*lines, *also(cell)]), encoding="utf-8")
    choice = sources.choose(cell, declared, [f"requirements: {note}." for note in said.notes])
    file, constraints = _files_of(choice.counted, script, src)
    wanted = Wanted(cell, emitted, file, _nearest(layout.LOCK, folder, src), constraints, choice)
    _check_agreement(wanted)
    _check_lock(wanted)
    return wanted


def _files_of(counted: Declaration | None, script: Path, src: Path) -> tuple[Path | None, Path | None]:
    """Return the files that an installer reads for a declaration: requirements and constraints.

    A requirements.txt that holds here as it is, is that file itself; all else is written beside `script`.
    """
    if counted is None:
        return None, None
    prefix = script.name.removesuffix(layout.REQUIREMENTS_SCRIPT)
    constraints = None
    if counted.said.constraints:
        constraints = _write(script.with_name(prefix + layout.REQUIREMENTS_VERSIONS), counted.said.constraints)
    path = src / counted.file
    if path.name == layout.REQUIREMENTS and _holds_as_it_is(path, counted):
        return path, constraints
    return _write(script.with_name(prefix + layout.REQUIREMENTS_DECLARED), counted.said.requirements), constraints


def _holds_as_it_is(path: Path, counted: Declaration) -> bool:
    # Paths are absolute in a copy; in the file itself they hold already.
    return text.encoding_of(path.read_bytes()) == "utf-8" and not counted.said.notes


def _write(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def parse(line: str, notebook: Path) -> Requirement:
    """Return one line of requirements.txt as a requirement; raise RequirementIsOption or RequirementsMalformed."""
    if line.startswith("-"):
        raise RequirementIsOption(entry=line)
    try:
        return Requirement(line)
    except InvalidRequirement as wrong:
        reason = str(wrong).strip().splitlines()[0]
        raise RequirementsMalformed(reason=f"{line!r} is no requirement ({reason})", notebook=notebook) from None


def _emit(script: Path, python: Path, folder: Path, target: Path, notebook: Path) -> None:
    # -S: nothing but the standard library, as on any other machine; the repository's own modules count.
    environ = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        ran = subprocess.run(
            [python, "-S", script, target],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIME_LIMIT,
        )
    except subprocess.TimeoutExpired:
        raise RequirementsNeedPackages(notebook=notebook, error=f"no end after {_TIME_LIMIT} seconds") from None
    if ran.returncode == MALFORMED:
        raise RequirementsMalformed(reason=ran.stderr.strip(), notebook=notebook)
    if ran.returncode:
        error = (ran.stderr.strip().splitlines() or [f"exit status {ran.returncode}"])[-1]
        raise RequirementsNeedPackages(notebook=notebook, error=error, detail=ran.stderr)


def _with_path(line: str, folder: Path, src: Path, notebook: Path) -> str:
    """Return `line`; one that names a wheel of the repository as `name @ file:///…`."""
    path = re.sub(r"^[\w.-]+\s*(?:@|==)\s*", "", line)
    if not path.endswith(".whl") or "://" in path or path.startswith("-"):
        return line
    found = [place / path for place in (folder, src) if (place / path).is_file()]
    try:
        name = parse_wheel_filename(Path(path).name)[0]
    except InvalidWheelFilename as wrong:
        raise RequirementsMalformed(reason=str(wrong), notebook=notebook) from None
    if not found:
        raise RequirementsMalformed(reason=f"the repository has no file {path!r}", notebook=notebook)
    return f"{name} @ {found[0].resolve().as_uri()}"


def also(cell: Sequence[Requirement]) -> list[str]:
    """Return what is needed beside the author's list: cloudpickle, which saves and loads the model."""
    named = {canonicalize_name(requirement.name) for requirement in cell}
    return [] if CLOUDPICKLE in named else [f"{CLOUDPICKLE}  # saves and loads the model"]


def _nearest(name: str, folder: Path, src: Path) -> Path | None:
    """Return the file `name` beside the notebook or in a folder above it, up to the repository's top."""
    for place in [folder, *folder.parents]:
        if (place / name).is_file():
            return place / name
        if place == src:
            break
    return None


def _check_agreement(wanted: Wanted) -> None:
    """Raise RequirementsConflict where cell and file pin the same package to different versions."""
    for number, line in enumerate(_lines(wanted.file) if wanted.file else (), start=1):
        theirs = _requirement(line)
        if theirs is None:
            continue  # An option or a path: pip's own format, which the installer judges.
        for ours in wanted.cell:
            if canonicalize_name(ours.name) == canonicalize_name(theirs.name) and sources.exclude(ours, theirs):
                reason = f"the cell asks for {ours}, and {wanted.choice.counted.file} (entry {number}) for {theirs}."
                raise RequirementsConflict(reason=reason, detail="")


def _is_pinned(requirement: Requirement) -> bool:
    pins = requirement.specifier
    return any(pin.operator == "===" or (pin.operator == "==" and "*" not in pin.version) for pin in pins)


def _requirement(line: str) -> Requirement | None:
    """Return a line of a requirements file as a requirement; None for an option, a path or a URL."""
    with suppress(InvalidRequirement):
        return Requirement(re.sub(r"\s+--hash=.*", "", line))
    return None


def _check_lock(wanted: Wanted) -> None:
    """Raise LockOutdated where the repository's lock does not give what cell or file ask for."""
    if wanted.lock is None:
        return
    locked = {canonicalize_name(name): version for name, version in _LOCKED.findall(wanted.lock.read_text("utf-8"))}
    for requirement in wanted.cell:
        version = locked.get(canonicalize_name(requirement.name))
        applies = requirement.marker is None or requirement.marker.evaluate()
        fits = version is not None and requirement.specifier.contains(version, prereleases=True)
        if applies and not fits and requirement.url is None:
            raise LockOutdated(requirement=requirement, has=version or "nothing", lock=wanted.lock.name)


def _lines(path: Path) -> Sequence[str]:
    """Return the entries of a requirements file: no comments, no empty lines, continuation lines joined."""
    return requirements_txt.entries(text.read(path))
