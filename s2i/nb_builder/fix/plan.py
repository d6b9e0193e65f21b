"""A plan to serve a notebook that has no predictor, and a copy of its repository with the plan applied."""

import ast
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from nb_scorer.common.problem import Problem
from packaging.utils import canonicalize_name

from nb_builder.analysis import downloads, fitted_models, long_searches, needed_cells, notebook_contract
from nb_builder.common.cell import Cell
from nb_builder.common.resolve_date import SETTING, AsOf
from nb_builder.common.settings import Settings
from nb_builder.fix import (
    data_paths,
    fixing,
    late_imports,
    module_paths,
    notebook_script,
    predictor_proposal,
    requirements_cell,
    resolver,
    write_file,
)
from nb_builder.fix.data_paths import Redirect
from nb_builder.fix.late_imports import LateImport
from nb_builder.fix.missing_requirements import Missing
from nb_builder.fix.notebook_json import NotebookJson
from nb_builder.fix.notebook_script import NotebookScript
from nb_builder.fix.predictor_proposal import Proposal
from nb_builder.fix.requirements_cell import Entry
from nb_builder.fix.resolver import Candidate, Resolution, Wishes
from nb_builder.install import interpreters
from nb_builder.preflight import undeclared_imports
from nb_builder.preflight.checks import Checked
from nb_builder.preflight.findings import Result
from nb_builder.problems.cells import ElsewhereOnly
from nb_builder.problems.contract import PredictorMissing
from nb_builder.problems.notebooks import Python2Code
from nb_builder.problems.packages import RequirementsEmpty, RequirementsMissing, RequirementsUnreadable
from nb_builder.problems.surroundings import FileNotCheckedOut
from nb_builder.repository import data_files, notebook_file, source_tree
from nb_builder.requirements import sources
from nb_builder.rewrite import scripts
from nb_builder.rewrite.keep_requirements import NAME

# Problems that a plan solves or avoids. The author has to fix any other finding.
_SUPPLIED = (PredictorMissing, RequirementsMissing, RequirementsEmpty, RequirementsUnreadable, FileNotCheckedOut)
# A longer list belongs to a whole course, and a notebook needs only a few packages of it.
_MAX_DECLARED = 25
SHOWN = 12
_NEEDLESS = "absolute_import|division|generators|nested_scopes|print_function|unicode_literals|with_statement"
_FUTURE = rf"^from __future__ import (?:{_NEEDLESS})(?:, *(?:{_NEEDLESS}))*[ ]*$"


@dataclass(frozen=True)
class Plan:
    """The plan for a notebook: its predictor, the cells that it needs, data locations, and packages to resolve.

    `candidates` are the Pythons and dates to try, best first. `undone` are the cells at the end that replace the model
    or its data: they are left out, and `undoing` is the reason as a clause. `unneeded_imports` are the import
    statements, with their cells, of modules that no known package provides and no cell that runs uses. `imports_only`
    are {number: the cell reduced to its imports} of the cells from which only imports are needed.
    """

    checked: Checked
    proposal: Proposal
    left_out: tuple[Cell, ...]
    redirects: tuple[Redirect, ...]
    late: tuple[LateImport, ...]
    wishes: Wishes
    candidates: tuple[Candidate, ...]
    undone: tuple[Cell, ...] = ()
    undoing: str = ""
    unneeded_imports: tuple[tuple[Cell, ast.stmt], ...] = ()
    imports_only: Mapping[int | None, Cell] = field(default_factory=dict)

    @property
    def notebook(self) -> Path:
        """Return the notebook's path in the repository."""
        return self.checked.name


def draw(result: Result, settings: Settings, environ: Mapping[str, str], number: int = 0) -> Plan | None:
    """Return a plan for the notebook with these findings; None if it has a predictor, or none can be proposed.

    `number` selects a proposal: 0 is the most recently used model.
    """
    checked = result.checked
    if checked is None or not checked.notebooks or result.wanted is None:
        return None
    src = checked.repository
    redirects = data_paths.redirects(checked.last.cells, checked.last.folder(src), src)
    if not all(_is_supplied(problem, redirects) for problem in result.findings):
        return None
    if result.has_predictor or not _is_written_by_us(checked):
        return None
    # Even if a magic could bind it, nothing in the notebook has that name.
    supplied = [Cell(late.statement, 0, 0) for late in late_imports.find(checked.last.cells)]
    found = next(itertools.islice(_proposals(supplied, checked), number, None), None)
    if found is None:
        return None
    proposal, undone = found
    author = checked.last.cells[: len(checked.last.cells) - len(undone)]
    unneeded = needed_cells.find(_with(author, proposal))
    left_out = [*unneeded.left_out, *undone]
    skipped = _numbers([*left_out, *unneeded.imports_only])
    if any(isinstance(each, Python2Code) and each.cell.number not in skipped for each in result.findings):
        return None
    imports_only = {cell.number: needed_cells.with_imports_only(cell) for cell in unneeded.imports_only}
    kept = _run(scripts.author_cells(checked.last.with_runs(src)), left_out, imports_only)
    for missing in data_files.not_checked_out(kept, checked.name, src):
        raise missing
    run = _run(author, left_out, imports_only)
    late = [*late_imports.find(run), *module_paths.find(run, checked.last.folder(src), src)]
    added = [Cell(each.statement, 1, 1) for each in late if each.below is None]
    imports = undeclared_imports.of_notebook(
        [*added, *_with(kept, Proposal(proposal.source))], checked.last.folder(src), src
    )
    wanted = result.wanted
    declared = wanted.named if len(wanted.named) <= _MAX_DECLARED else []
    wishes = resolver.wishes(imports, [*added, *kept], declared)
    as_of = checked.as_of
    if settings.resolve_as_of is None:
        as_of = resolver.date_of(checked.changed or _written_on(src / checked.name), wishes.uses)
    first = Candidate(_python(checked, settings, as_of), as_of, keeps_versions=bool(declared))
    candidates = dict.fromkeys(resolver.candidates(first, settings.python, environ))
    return Plan(
        checked,
        proposal,
        tuple(left_out),
        tuple(redirect for redirect in redirects if redirect.cell not in left_out),
        tuple(late),
        wishes,
        tuple(itertools.islice(candidates, resolver.MAX_CANDIDATES)),
        undone,
        fitted_models.obstacle(checked.last.cells) if undone else "",
        tuple(
            needed_cells.unneeded_imports(
                _with(kept, proposal), _numbers(unneeded.may_fail), [each.package for each in wishes.unknown]
            )
        ),
        imports_only,
    )


def _proposals(supplied: Sequence[Cell], checked: Checked) -> Iterator[tuple[Proposal, tuple[Cell, ...]]]:
    """Yield each proposal, and the cells at the notebook's end that must not run for it.

    There are such cells only if no model is left at the notebook's end, because one of them replaced it or its data.
    """
    cells = [needed_cells.as_python3(cell) for cell in checked.last.cells]
    found = predictor_proposal.propose_all([*supplied, *cells], checked.name, checked.python.path)
    yield from ((proposal, ()) for proposal in found)
    if not found:
        part = fitted_models.part_with_model(cells)
        found = predictor_proposal.propose_all([*supplied, *part], checked.name, checked.python.path) if part else []
        yield from ((proposal, tuple(cells[len(part) :])) for proposal in found)


def why_not(result: Result) -> str:
    """Return, as a clause, why no predictor is proposed for a notebook; "" if something else is missing."""
    checked = result.checked
    if checked is None or not checked.notebooks or result.has_predictor:
        return ""
    redirects = data_paths.redirects(checked.last.cells, checked.last.folder(checked.repository), checked.repository)
    supplied = all(_is_supplied(problem, redirects) for problem in result.findings)
    return fitted_models.obstacle(checked.last.cells) if supplied else ""


def write(plan: Plan, resolution: Resolution, repository: Path, *, checks: bool) -> None:
    """Write the plan's cells into the notebook in `repository`; with `checks`, also the cell that checks predictor."""
    path = repository / plan.notebook
    text = path.read_bytes().decode()
    document = NotebookJson(text) if path.suffix == ".ipynb" else NotebookScript(text)
    for position in sorted({redirect.cell.position or 0 for redirect in plan.redirects} - {0}):
        found = [redirect for redirect in plan.redirects if redirect.cell.position == position]
        document.replace(position, data_paths.redirected(document.source(position), found))
    for late in plan.late:
        position = late.cell.position or 0
        document.replace(position, f"{late.statement}\n{document.source(position)}")
    for cell in plan.undone:
        document.replace(cell.position or 0, needed_cells.LEFT_OUT)
    if checks:
        _comment_out(document, plan)
    entries = entries_to_write(plan, resolution)
    if entries and checks and not notebook_contract.bindings(NAME, plan.checked.last.cells):
        # Appended in the copy, so that the author's cells keep the numbers that messages mention.
        document.append(requirements_cell.new(entries), NAME)
    elif entries:
        fixing.write_requirements(document, plan.checked, Missing(entries=entries))
    document.append(plan.proposal.source, fixing.PREDICTOR)
    if checks and plan.proposal.check:
        document.append(plan.proposal.check, "check-of-predictor")
    write_file.replace(path, document.text)


def _comment_out(document: NotebookJson | NotebookScript, plan: Plan) -> None:
    """Comment out lines without effect in Python 3, extensions of unknown packages, and unneeded imports.

    Only some versions of IPython accept __future__ imports below another line.
    """
    extensions = [re.escape(imported.module.split(".")[0]) for imported in plan.wishes.unknown]
    needless = re.compile("|".join([_FUTURE, *(rf"^%load_ext[ ]+{name}\b" for name in extensions)]), re.MULTILINE)
    for cell in plan.checked.last.cells:
        source = document.source(cell.position or 0)
        changed = needless.sub(r"# \g<0>", source)
        for owner, statement in plan.unneeded_imports:
            if owner.position == cell.position:
                text = ast.get_source_segment(owner.source, statement) or ""
                lines_of_it = rf"^{re.escape(text)}[ ]*(?:#.*)?$"
                changed = re.sub(
                    lines_of_it,
                    lambda found: re.sub("^", "# ", found[0], flags=re.MULTILINE),
                    changed,
                    flags=re.MULTILINE,
                )
        if changed != source:
            document.replace(cell.position or 0, changed)


def copy(plan: Plan, resolution: Resolution, folder: Path) -> None:
    """Copy the repository to `folder` and apply the plan to its notebook.

    Without the author's versions, the copy has no file that declares any.
    """
    source_tree.copy_to(plan.checked.repository, folder)
    while not resolution.candidate.keeps_versions and (declaring := _declaring(plan, folder)):
        # Removing a file may reveal another one, such as its lock.
        for file in declaring:
            file.unlink()
    write(plan, resolution, folder, checks=True)


def _declaring(plan: Plan, folder: Path) -> list[Path]:
    """Return the repository's files, other than the notebook, that declare packages for it."""
    found = sources.of_repository(plan.notebook, plan.checked.node, folder)
    return [folder / each.file for each in found if Path(each.file) != plan.notebook]


def settings_of(plan: Plan, candidate: Candidate) -> dict[str, str]:
    """Return the build settings that the plan needs."""
    chosen = {"S2I_CELLS": "needed", "S2I_PYTHON": candidate.python.minor}
    return {**chosen, SETTING: candidate.as_of.day} if candidate.as_of else chosen


def entries_to_write(plan: Plan, resolution: Resolution) -> tuple[Entry, ...]:
    """Return the requirements to write: all, or those that the notebook's own list lacks."""
    if not notebook_contract.bindings(NAME, plan.checked.last.cells):
        return resolution.entries
    own = {canonicalize_name(requirement.name) for requirement in plan.wishes.declared}
    return tuple(entry for entry in resolution.entries if entry[0] not in own)


def lines(plan: Plan, candidate: Candidate, resolution: Resolution | None) -> Iterator[str]:
    """Yield about ten lines that describe the plan."""
    yield str(candidate)
    named = list(plan.wishes.names)
    if resolution:
        named = [" ".join(entry) for entry in resolution.entries if entry[0] in plan.wishes.names]
    others = len(resolution.entries) - len(named) if resolution else 0
    more = len(named) - SHOWN + others if len(named) > SHOWN else others
    yield f"packages: {', '.join(named[:SHOWN])}{f' and {more} more' if more else ''}"
    for imported in plan.wishes.unknown[:2]:
        without = {name for _, statement in plan.unneeded_imports for name in needed_cells.modules_of(statement)}
        if imported.package in without:
            then = "the import is left out, as predictor does not need it"
        else:
            then = "a package that is only called the same is not installed"
        yield f"'{imported.package}' is imported, and no package is known for it; {then}"
    source = [line.strip() for line in plan.proposal.source.splitlines()]
    answer = next(line for line in source if line.startswith(("return ", "predictor =")))
    yield f"predictor: {answer.removeprefix('return ').removeprefix('predictor = ')}"
    if plan.proposal.is_own:
        yield "it is a function of the notebook, with samples that the notebook passes to it"
    elif plan.proposal.check is None:
        yield f"it can't be compared with the notebook's own model, because {plan.proposal.uncompared}"
    yield from _lines_of_cells(plan)
    for redirect in plan.redirects[:3]:
        yield f"{redirect.path} is read from {redirect.file}, the only file of that name"


def _lines_of_cells(plan: Plan) -> Iterator[str]:
    """Yield which cells are left out or changed, and which of the others may take long."""
    if plan.undone:
        yield f"the cells from [{plan.undone[0].number}] on are left out, because {plan.undoing}"
    unneeded = [cell for cell in plan.left_out if cell not in plan.undone]
    if unneeded:
        numbers = ", ".join(str(cell.number) for cell in unneeded)
        yield f"left out, as predictor does not need what they plot, print or compute: cells [{numbers}]"
    for late in plan.late[:2]:
        reason = f"before cell [{late.below.number}] has it" if late.below else "and no cell contains it"
        yield f"'{late.statement}' is added to cell [{late.cell.number}], which needs it {reason}"
    if plan.imports_only:
        numbers = ", ".join(map(str, plan.imports_only))
        yield f"only the imports are run, as predictor needs nothing else of them: cells [{numbers}]"
    run = _run(plan.checked.last.cells, plan.left_out, plan.imports_only)
    for search in long_searches.find(run)[:3]:
        yield f"cell [{search.cell.number}] may take long: {search} (S2I_CELL_TIMEOUT limits it)"
    for download in downloads.find(run)[:3]:
        yield f"cell [{download.cell.number}] needs the network: {download.function} downloads from {download.host}"


def _with(cells: Sequence[Cell], proposal: Proposal) -> tuple[Cell, ...]:
    number = 1 + max((cell.number or 0 for cell in cells), default=0)
    position = 1 + max((cell.position or 0 for cell in cells), default=0)
    added = [proposal.source, *([proposal.check] if proposal.check else [])]
    return (*cells, *(Cell(source, number + place, position + place) for place, source in enumerate(added)))


def _is_supplied(problem: Problem, redirects: Sequence[Redirect]) -> bool:
    """Return whether a plan solves a finding."""
    if isinstance(problem, Python2Code):
        # If predictor does not need the cell; `draw` checks that.
        return needed_cells.as_python3(problem.cell).statements is not None
    if isinstance(problem, ElsewhereOnly):
        return any(problem.cell and redirect.cell.number == problem.cell.number for redirect in redirects)
    return isinstance(problem, _SUPPLIED)


def _run(cells: Sequence[Cell], left_out: Sequence[Cell], imports_only: Mapping[int | None, Cell]) -> list[Cell]:
    """Return the cells that run; for those in `imports_only`, only their imports."""
    return [imports_only.get(cell.number, cell) for cell in cells if cell.number not in _numbers(left_out)]


def _numbers(cells: Sequence[Cell]) -> set[int | None]:
    return {cell.number for cell in cells}


def _is_written_by_us(checked: Checked) -> bool:
    """Return whether cells can be written to the notebook's format."""
    path = checked.repository / checked.name
    return path.suffix == ".ipynb" or not notebook_script.kind(path, path.read_bytes().decode())


def _written_on(path: Path) -> AsOf:
    moment = datetime.fromtimestamp(int(path.stat().st_mtime), timezone.utc)
    return AsOf(moment, f"the date of the file {path.name}")


def _python(checked: Checked, settings: Settings, as_of: AsOf | None) -> interpreters.Python:
    """Return the Python that the build would choose for packages of this date."""
    if settings.python is not None or as_of is None or checked.as_of is not None:
        return checked.python
    version = notebook_file.wanted_python(checked.node)
    allowed = [minor for wish in interpreters.of_date(as_of.day) for minor in wish.minors()]
    if not allowed or checked.python.minor in allowed:
        return checked.python
    if version and f"{checked.python.minor}" == version and as_of.source.startswith("the "):
        # The author had this Python at the time; of_date gives packages some months to support a new Python.
        return checked.python
    found = interpreters.find()
    fitting = [found[minor] for minor in allowed if minor in found]
    return fitting[-1] if fitting else checked.python
