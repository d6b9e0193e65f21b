"""Fixes findings of `check` that require no guess: missing requirements, and a missing predictor."""

import difflib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nb_scorer.common.problem import Problem

from nb_builder.analysis import notebook_contract, removed_apis
from nb_builder.common.cell import Cell
from nb_builder.common.log import Log
from nb_builder.fix import (
    installed_packages,
    missing_requirements,
    predictor_proposal,
    requirements_cell,
    resolver,
    user_python,
    write_file,
)
from nb_builder.fix import notebook_script as scripts_of_cells
from nb_builder.fix.installed_packages import UserPackages
from nb_builder.fix.missing_requirements import Missing
from nb_builder.fix.notebook_json import NotebookJson
from nb_builder.fix.notebook_script import NotebookScript
from nb_builder.fix.predictor_proposal import Proposal
from nb_builder.fix.problems import DeclaredElsewhere, FixFailed, FixFormat
from nb_builder.preflight import pip_cells, undeclared_imports
from nb_builder.preflight.checks import Checked
from nb_builder.preflight.findings import Result
from nb_builder.problems.cells import CellSyntax
from nb_builder.problems.contract import PredictorMissing
from nb_builder.problems.notebooks import Python2Code
from nb_builder.repository import notebook_file
from nb_builder.rewrite import scripts
from nb_builder.rewrite.keep_requirements import NAME

PREDICTOR = "predictor"


@dataclass(frozen=True)
class Change:
    """A cell that was written: the name that it defines, its position in the file, and its source before and after.

    `before` is None for a new cell.
    """

    name: str
    position: int
    before: str | None
    source: str

    def described(self) -> dict[str, object]:
        """Return the change as a JSON object."""
        return {"name": self.name, "position": self.position, "new": self.before is None, "source": self.source}

    def lines(self) -> Iterator[str]:
        """Yield the change as lines of a diff."""
        if self.before is None:
            yield from (f"+ {line}" for line in self.source.splitlines())
            return
        compared = difflib.unified_diff(self.before.splitlines(), self.source.splitlines(), n=1, lineterm="")
        # Without file names and line numbers.
        yield from (f"{line[0]} {line[1:]}" for line in list(compared)[2:] if not line.startswith("@@"))


@dataclass(frozen=True)
class Fixed:
    """The edits and failures of `fix`, and the Python whose package versions it used, if any."""

    changes: list[Change] = field(default_factory=list)
    findings: list[Problem] = field(default_factory=list)
    python: Path | None = None


def proposal(result: Result) -> Proposal | None:
    """Return a predictor for a notebook without one; None if no model is recognised or nothing is missing."""
    lacks = any(isinstance(problem, PredictorMissing) for problem in result.findings)
    if result.checked is None or not lacks or _unreadable(result):
        return None
    checked = result.checked
    return predictor_proposal.propose(checked.last.cells, checked.name, checked.python.path)


def fix(result: Result, named_python: str | None, environ: Mapping[str, str], log: Log) -> Fixed:
    """Write what the notebook lacks into its file, and return the edits; `result` contains its findings.

    `named_python` is the Python whose packages to list, None to find one. Raises PythonUnusable.
    """
    checked = result.checked
    if checked is None or _unreadable(result):
        log.note("nothing is written until the errors above are fixed.")
        return Fixed()
    proposed = proposal(result)
    predictor = proposed.source if proposed else None
    missing, packages = _missing(result, checked, predictor, named_python, environ, log)
    for note in missing.notes:
        log.note(note)
    findings: list[Problem] = list(missing.problems)
    changes: list[Change] = []
    if missing.entries or predictor:
        try:
            changes = _written(checked, missing, predictor)
        except (FixFormat, FixFailed) as problem:
            findings.append(problem)
    return Fixed(changes, findings, packages.python if packages else None)


def print_changes(fixed: Fixed, notebook: Path, log: Log) -> None:
    """Print the edited cells as a diff."""
    if not fixed.changes:
        log.step(f"Nothing to write into {notebook}")
        return
    versions = f", with versions of {fixed.python}" if fixed.python and _has_versions(fixed.changes) else ""
    log.step(f"Written into {notebook}{versions}")
    for change in fixed.changes:
        log.line(f"     cell {change.position} of the file{', new' if change.before is None else ''}:")
        for line in change.lines():
            log.line(f"       {line}")


def _has_versions(changes: Sequence[Change]) -> bool:
    """Return whether the edits include requirements, in addition to a predictor."""
    return any(change.name == NAME for change in changes)


def _unreadable(result: Result) -> bool:
    """Return whether a notebook or one of its cells can't be parsed."""
    syntax = any(isinstance(problem, (CellSyntax, Python2Code)) for problem in result.findings)
    return syntax or result.checked is None or not result.checked.notebooks or result.wanted is None


def _missing(
    result: Result,
    checked: Checked,
    predictor: str | None,
    named_python: str | None,
    environ: Mapping[str, str],
    log: Log,
) -> tuple[Missing, UserPackages | None]:
    """Return the missing requirements, and the Python whose packages were listed; None if none had to be."""
    imports = []
    own_cells: list[Cell] = []
    src = checked.repository
    for notebook in checked.notebooks:
        cells = scripts.author_cells(notebook.with_runs(src))
        own_cells += cells
        if predictor and notebook is checked.last:
            cells = (*cells, Cell(predictor, len(cells) + 1, len(cells) + 1))
        imports += undeclared_imports.of_notebook(cells, notebook.folder(src), src)
    wanted = result.wanted
    if not imports or wanted is None:
        return Missing(), None
    python = user_python.choose(named_python, checked.node, environ, log)
    packages = installed_packages.ask(python, imports)
    missing = missing_requirements.find(
        imports, packages, wanted, checked.name, src, pip_cells.find_installs(own_cells).requirements
    )
    if missing.entries and packages.minor != checked.python.minor:
        missing = _for_the_build(missing, checked, packages, own_cells, environ)
    if wanted.lock:
        if missing.entries:
            log.note(f"{wanted.lock.name} lists the packages, so --fix adds no requirements.")
        return Missing(notes=missing.notes), packages
    file = _list_of_others(checked, result)
    if file is None:
        return missing, packages
    # Dependencies of listed packages are installed automatically.
    there = packages.needed_by(missing_requirements.declared_names(wanted))
    lacking = [entry for entry in missing.entries if entry[0] not in there]
    if lacking:
        entries = requirements_cell.plain(lacking)
        problem = DeclaredElsewhere(file=file, notebook=checked.name, entries=entries)
        return replace(missing, entries=(), problems=(*missing.problems, problem)), packages
    return replace(missing, entries=()), packages


def _for_the_build(
    missing: Missing, checked: Checked, packages: UserPackages, cells: Sequence[Cell], environ: Mapping[str, str]
) -> Missing:
    """Return entries with versions that fit the notebook's date and the Python that builds it.

    If none are found, keep the versions of the user's Python, and note how to build with it.
    """
    names = tuple(entry[0] for entry in missing.entries if len(entry) > 1)
    uses = removed_apis.uses(cells, frozenset(names))
    as_of = checked.as_of or resolver.date_of(checked.changed, uses)
    candidate = resolver.Candidate(checked.python, as_of, keeps_versions=False)
    found = resolver.resolve(resolver.Wishes(names, uses=tuple(uses)), candidate, environ) if names else ""
    if isinstance(found, str):
        note = (
            f"the versions are those of Python {packages.minor}, and the notebook is built with "
            f"{checked.python.minor}; S2I_PYTHON={packages.minor} chooses the other one."
        )
        return replace(missing, notes=(*missing.notes, note))
    versions = dict(found.entries)
    entries = tuple(
        (entry[0], versions.get(entry[0], entry[1])) if len(entry) > 1 else entry for entry in missing.entries
    )
    note = f"the versions are for {candidate}, which builds the notebook; {packages.python} is Python {packages.minor}."
    return replace(missing, entries=entries, notes=(*missing.notes, note))


def _list_of_others(checked: Checked, result: Result) -> str | None:
    """Return the file that lists the packages instead of the notebook; None if a cell may be written."""
    if notebook_contract.bindings(NAME, checked.last.cells):
        return None
    wanted = result.wanted
    if wanted and wanted.choice.counted:
        return wanted.choice.counted.file
    included = scripts.author_cells(checked.last.with_runs(checked.repository))
    found = notebook_contract.bindings(NAME, included)
    return f"what {checked.name} runs by %run" if found else None


def _written(checked: Checked, missing: Missing, predictor: str | None) -> list[Change]:
    """Edit the notebook's file, and return the edits; raise FixFormat or FixFailed."""
    path = checked.repository / checked.name
    text = path.read_bytes().decode()
    # The check that follows shows the predictor.
    cells = [requirements_cell.new(missing.entries)] if missing.entries else []
    pasted = ", and ".join([*cells, *(["the proposed predictor"] if predictor else [])])
    if path.suffix != ".ipynb" and (kind := scripts_of_cells.kind(path, text)):
        raise FixFormat(notebook=checked.name, kind=kind, text=pasted)
    document = NotebookJson(text) if path.suffix == ".ipynb" else NotebookScript(text)
    changes = [write_requirements(document, checked, missing)] if missing.entries else []
    if predictor:
        changes.append(Change(PREDICTOR, document.append(predictor, PREDICTOR), None, predictor))
    _require_readable(document.text, path, changes)
    try:
        write_file.replace(path, document.text)
    except OSError as error:
        raise FixFailed(notebook=checked.name, reason=error.strerror or str(error), text=pasted) from None
    return changes


def write_requirements(document: NotebookJson | NotebookScript, checked: Checked, missing: Missing) -> Change:
    """Write `requirements`, or add entries to the author's own, and return the change."""
    positions = [cell.position for cell in checked.last.cells if cell.position and requirements_cell.has(cell.source)]
    if positions and notebook_contract.bindings(NAME, checked.last.cells):
        before = document.source(positions[-1])
        source = requirements_cell.extended(before, missing.entries)
        document.replace(positions[-1], source)
        return Change(NAME, positions[-1], before, source)
    source = requirements_cell.new(missing.entries)
    position = 2 if document.begins_with_markdown() else 1
    document.insert(position, source, NAME)
    return Change(NAME, position, None, source)


def _require_readable(text: str, path: Path, changes: Sequence[Change]) -> None:
    """Raise RuntimeError unless the new text is a notebook that contains the written cells."""
    with tempfile.TemporaryDirectory(prefix="nb-fix-") as folder:
        (Path(folder) / path.name).write_bytes(text.encode())
        node = notebook_file.read(Path(folder), Path(path.name))
    sources = ["".join(cell.source.splitlines(keepends=True)) for cell in node.cells]
    for change in changes:
        written = change.source.replace("\r\n", "\n").rstrip("\n")
        if not any(written in source.replace("\r\n", "\n") for source in sources):
            raise RuntimeError(f"{path} would not contain the new cell")
