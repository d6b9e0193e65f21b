"""Collects the notebook's requirements: the cell's list, from script one, and the repository's files and lock."""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from nb_scorer.common import paths
from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from nb_builder.common import digests, markers, programs
from nb_builder.problems.packages import (
    LockOutdated,
    RequirementsConflict,
    RequirementsMalformed,
    RequirementsNeedPackages,
)
from nb_builder.repository import ordinary_files
from nb_builder.requirements import line_parser, lock_file, pins, sources
from nb_builder.requirements.line_parser import Asked, Origin
from nb_builder.requirements.logical_lines import logical
from nb_builder.requirements.pip_config import without_credentials
from nb_builder.requirements.sources import NOTHING, Choice, Declaration, requirements_txt
from nb_builder.rewrite.emit_requirements import MALFORMED

# Seconds. Script one only computes a list, so if it takes longer, it is waiting for something.
_TIME_LIMIT = 60

# Needed to save and load the model, so it is always added; the notebook may pin its version.
CLOUDPICKLE = "cloudpickle"

_LOCKED = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?\s*(?:==|@)\s*([^\s;]+)(?:\s*;\s*(.+?))?(?:\s+--.*)?")


@dataclass(frozen=True)
class Interpreter:
    """The notebook's Python: how to run script one, and the version, such as "3.11.2", that markers refer to.

    If it is isolated, script one can't import modules of the repository.
    """

    path: Path
    version: str
    isolated: bool = False

    @property
    def command(self) -> list[str | Path]:
        """Return the command, without the script."""
        # -S leaves out site-packages, so that script one has only the standard library and the repository's modules on
        # every machine. If a module had the name of one that Python imports at startup, it would run at once; with -I,
        # there are no such modules.
        return [self.path, "-I", "-S"] if self.isolated else [self.path, "-S"]


@dataclass(frozen=True)
class Wanted:
    """All requirements of a build: the cell's list, the repository's files, and what their lines require.

    `emitted` is the one file that an installer reads; it has all lines of `asked`. `top` is the repository's top
    folder, and `choice` determines which of its files counts.
    """

    cell: tuple[Requirement, ...]
    emitted: Path
    lock: Path | None
    asked: Asked = field(default_factory=Asked)
    top: Path = Path("/")
    choice: Choice = NOTHING

    def __len__(self) -> int:
        """Return the number of requirements that the author wrote; variants of one package count once."""
        marked = [canonicalize_name(requirement.name) for requirement in self.named if requirement.marker]
        return len(self.asked.lines) - len(marked) + len(set(marked))

    @property
    def locked(self) -> str:
        """Return the text of the repository's lock, or ""; raise FileEncoding."""
        return ordinary_files.text(self.lock, self.top) if self.lock else ""

    @property
    def declared(self) -> bool:
        """Return whether anything declares what to install, even if it declares that nothing is needed."""
        return bool(self.asked.lines or self.choice.counted or self.lock)

    @property
    def fingerprint(self) -> str:
        """Return a digest of everything that a resolver's result depends on; "" if a result must not be reused.

        That is the case if an address contains a password: locks are stored without them, so the next build has to
        resolve again.
        """
        texts = [self.emitted.read_text("utf-8"), *([self.locked] if self.lock else [])]
        if any(without_credentials(text) != text for text in texts):
            return ""
        folders = [digests.tree(folder) for folder in self.asked.folders]
        facts = {"texts": texts, "constraints": self.asked.constraints, "folders": folders}
        return digests.fingerprint({**facts, "options": repr(self.asked.options)})

    @property
    def named(self) -> list[Requirement]:
        """Return the author's requirements that have a name, without paths and bare addresses."""
        return [requirement for line in self.asked.lines if (requirement := _requirement(line))]

    @property
    def pinned(self) -> list[str]:
        """Return the normalised names of the requirements with an exact version or an address."""
        requirements = filter(None, map(_requirement, (*self.asked.lines, *self.asked.constraints)))
        return sorted(
            {
                canonicalize_name(requirement.name)
                for requirement in requirements
                if requirement.url or pins.exact_version(requirement)
            }
        )

    def written_in(self, name: str) -> str:
        """Return the repository's file and line that require the package `name`, as text; "" if none does."""
        counted = self.choice.counted
        if counted is None:
            return ""
        for number, line in counted.packages.numbered():
            requirement = _requirement(line)
            if requirement and canonicalize_name(requirement.name) == canonicalize_name(name):
                return f"{counted.file}, {'line' if counted.packages.numbers else 'entry'} {number}"
        return ""

    @property
    def unpinned(self) -> list[str]:
        """Return the normalised names of the requirements whose version depends on the day of the build."""
        requirements = filter(None, map(_requirement, self.asked.lines))
        return sorted({canonicalize_name(requirement.name) for requirement in requirements} - set(self.pinned))


def collect(
    script: Path,
    interpreter: Interpreter,
    folder: Path,
    src: Path,
    notebook: Path,
    declared: Sequence[Declaration] = (),
    *,
    allowed: Sequence[str] = (),
) -> Wanted:
    """Run script one in `folder` with `interpreter`, and add the requirements of the repository's files.

    `declared` are these files' declarations, nearest first; `allowed` are the hosts whose indexes may be named. Writes
    requirements.txt next to `script`. Raises RequirementsNeedPackages, RequirementsMalformed, RequirementIsOption,
    IndexNotAllowed, GitMissing, RequirementsConflict, LockOutdated, FileRefused or FileEncoding.
    """
    emitted = script.with_name(paths.REQUIREMENTS)
    _emit(script, interpreter.command, folder, emitted, notebook)
    origin = Origin(line_parser.CELL, "entry", str(notebook), (folder, src), src, strict=True)
    packages = requirements_txt.of_lines(emitted.read_text(encoding="utf-8").splitlines())
    asked = line_parser.read(packages.numbered(), origin)
    cell = tuple(Requirement(line.split(" --")[0]) for line in asked.lines if _has_name(line))
    notes = [f"requirements: {note}." for note in packages.notes]
    choice = sources.choose(cell, declared, notes, has_paths=bool(asked.lines))
    if choice.counted:
        asked += line_parser.of_packages(choice.counted.file, choice.counted.packages, src)
    locked = _nearest(paths.LOCK, folder, src)
    if locked:
        asked += Asked(options=line_parser.options_of(locked, src))
    asked.options.check(allowed, src, os.environ)
    choice = replace(choice, notes=(*choice.notes, *asked.notes))
    wanted = Wanted(cell, emitted, locked, asked, src, choice)
    _check_agreement(wanted)
    _check_lock(wanted, markers.environment(interpreter.version))
    write(wanted)
    return wanted


def counted(number: int) -> str:
    """Return the number of requirements as text."""
    return "1 requirement" if number == 1 else f"{number or 'no'} requirements"


def write(wanted: Wanted) -> None:
    """Write the file that installers read, and the constraints file that it includes, if there are constraints."""
    lines = [*wanted.asked.lines, *also(wanted.cell)]
    if wanted.asked.constraints:
        constraints = wanted.emitted.with_name(paths.CONSTRAINTS)
        constraints.write_text(_text(wanted.asked.constraints), encoding="utf-8")
        lines.append(f"-c {paths.CONSTRAINTS}")
    wanted.emitted.write_text(_text(lines), encoding="utf-8")


def add(wanted: Wanted, name: str, reason: str) -> None:
    """Add the package `name` to the file that installers read, unless the author has named it."""
    if canonicalize_name(name) not in {canonicalize_name(requirement.name) for requirement in wanted.named}:
        with wanted.emitted.open("a", encoding="utf-8") as file:
            file.write(f"{name}  # {reason}\n")


def _text(lines: Sequence[str]) -> str:
    return "".join(line + "\n" for line in lines)


def _has_name(line: str) -> bool:
    """Return whether a line of the cell is a requirement with a name, as opposed to a bare address."""
    try:
        Requirement(line.split(" --", maxsplit=1)[0])
    except InvalidRequirement:
        return False
    return True


def _emit(script: Path, command: Sequence[str | Path], folder: Path, target: Path, notebook: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        completed = programs.run([*command, script, target], cwd=folder, env=environ, timeout=_TIME_LIMIT)
    except subprocess.TimeoutExpired:
        raise RequirementsNeedPackages(notebook=notebook, error=f"not finished after {_TIME_LIMIT} seconds") from None
    if completed.returncode == MALFORMED:
        raise RequirementsMalformed(reason=completed.stderr.strip(), notebook=notebook)
    if completed.returncode:
        error = programs.reason(completed)
        raise RequirementsNeedPackages(notebook=notebook, error=error, detail=completed.stderr)


def also(cell: Sequence[Requirement]) -> list[str]:
    """Return the lines to add to the author's list: cloudpickle, which saves and loads the model."""
    named = {canonicalize_name(requirement.name) for requirement in cell}
    return [] if CLOUDPICKLE in named else [f"{CLOUDPICKLE}  # saves and loads the model"]


def _nearest(name: str, folder: Path, src: Path) -> Path | None:
    """Return the file `name` next to the notebook or in a folder above it, up to the repository's top."""
    for directory in [folder, *folder.parents]:
        if ordinary_files.is_file(directory / name, src):
            return directory / name
        if directory == src:
            break
    return None


def _check_agreement(wanted: Wanted) -> None:
    """Raise RequirementsConflict if cell and file pin the same package to different versions."""
    counted = wanted.choice.counted
    if counted is None:
        return
    for number, line in counted.packages.numbered():
        theirs = _requirement(line)
        if theirs is None:
            continue  # An option or a path, which the installer checks.
        for ours in wanted.cell:
            if pins.conflict(ours, theirs):
                unit = "line" if counted.packages.numbers else "entry"
                reason = f"the cell requires {ours}, and {counted.file} ({unit} {number}) requires {theirs}."
                raise RequirementsConflict(reason=reason, detail="")


def _requirement(line: str) -> Requirement | None:
    """Return a line of a requirements file as a requirement; None for an option, a path or a URL."""
    with suppress(InvalidRequirement):
        text = line_parser.requirement_and_options(line)[0]
        return Requirement(text) if len(text) <= line_parser.MAX_LENGTH else None
    return None


def _check_lock(wanted: Wanted, environment: dict[str, str]) -> None:
    """Raise LockOutdated if the repository's lock doesn't satisfy the cell's requirements in this environment."""
    if wanted.lock is None:
        return
    text = wanted.locked
    lock_file.parse(text, wanted.top, wanted.lock.name)
    locked = dict(_locked_versions(text, environment))
    for requirement in wanted.cell:
        version = locked.get(canonicalize_name(requirement.name))
        applies = requirement.marker is None or requirement.marker.evaluate(environment)
        # An address in either of them has no version to compare.
        address = requirement.url is not None or "/" in (version or "")
        fits = version is not None and (address or requirement.specifier.contains(version, prereleases=True))
        if applies and not fits:
            raise LockOutdated(requirement=requirement, has=version or "nothing", lock=wanted.lock.name)


def _locked_versions(text: str, environment: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the name and the version or address of each package in the lock for this environment."""
    for _, line in logical(text):
        match = _LOCKED.fullmatch(line)
        if match is None:
            continue
        # The installer reports an invalid marker.
        with suppress(InvalidMarker):
            if match[3] and not Marker(match[3]).evaluate(environment):
                continue
        yield canonicalize_name(match[1]), match[2]
