"""Checks a repository as far as possible before any package is installed.

`check` and a build run the same checks, and both collect all problems before they stop.
"""

import copy
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from nb_scorer.common import paths
from nb_scorer.common.problem import Problem
from nbformat import NotebookNode

from nb_builder import platforms
from nb_builder.analysis import jupyter_names, needed_cells, notebook_contract, undefined_names, weights_list
from nb_builder.common.cell import Cell
from nb_builder.common.log import Log
from nb_builder.common.resolve_date import AsOf
from nb_builder.common.settings import Settings
from nb_builder.install import interpreters, system_packages
from nb_builder.install.interpreters import Python, Wish
from nb_builder.install.system_packages import SystemPackage
from nb_builder.preflight import host_commands, parameters, pip_cells, undeclared_imports, unnamed_imports
from nb_builder.preflight.undeclared_imports import Import
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.problems.contract import NameTaken, PredictorMissing
from nb_builder.problems.notebooks import Python2Code
from nb_builder.repository import data_files, included_files, last_change, notebook_file, source_tree
from nb_builder.requirements import collect, merge, sources
from nb_builder.requirements.collect import Wanted
from nb_builder.requirements.line_parser import CELL
from nb_builder.requirements.sources import Declaration
from nb_builder.rewrite import literal_requirements, scripts
from nb_builder.rewrite.keep_requirements import NAME

if TYPE_CHECKING:
    from nb_service.weights.lock import Entry

# Handles each problem: raises it, or records it so that the checks continue.
ProblemHandler = Callable[[Problem], None]


@dataclass(frozen=True)
class Notebook:
    """One notebook of a build; `prefix` is the prefix of its file names in build/, and is "" for the last one."""

    name: Path
    node: NotebookNode
    prefix: str

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Return the author's code cells as plain Python."""
        return scripts.author_cells(self.node)

    def with_runs(self, src: Path) -> NotebookNode:
        """Return the notebook with the code of repository files that it runs with `%run` inlined."""
        return included_files.expanded(self.node, self.folder(src), src)

    def folder(self, src: Path) -> Path:
        """Return the notebook's folder below `src`: the working directory of its code."""
        return (src / self.name).parent


@dataclass(frozen=True)
class Checked:
    """The notebooks of a build in the order in which they run, and facts about all of them.

    `system` are the system packages that they need, `as_of` is the date to resolve requirements to (None for today),
    and `changed` is when the notebooks last changed. `python_note` explains why `python` is not the one that the
    notebook requests, and `other_pythons` are the minor versions that would also fit, nearest first.
    """

    repository: Path
    notebooks: tuple[Notebook, ...]
    python: Python
    system: tuple[SystemPackage, ...] = ()
    as_of: AsOf | None = None
    changed: AsOf | None = None
    python_note: str = ""
    other_pythons: tuple[str, ...] = ()

    @property
    def last(self) -> Notebook:
        """Return the notebook that defines the contract."""
        return self.notebooks[-1]

    @property
    def name(self) -> Path:
        """Return the path of the notebook that defines the contract, relative to the repository."""
        return self.last.name

    @property
    def node(self) -> NotebookNode:
        """Return the parsed notebook that defines the contract."""
        return self.last.node


def raise_problem(problem: Problem) -> None:
    """Raise the problem: the handler that stops at the first one."""
    raise problem


def look(
    settings: Settings,
    app_src: Path,
    log: Log,
    handle: ProblemHandler = raise_problem,
    *,
    may_download: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Checked:
    """Find, read and check the notebooks, and choose their Python; nothing else is written.

    `app_src` is the repository's copy under APP_ROOT, and `handle` is called for each problem. If a build
    `may_download`, a missing Python is downloaded with the variables in `environ`; otherwise a note reports it. Raises
    the problems that leave nothing to check: no repository, no notebook, no Python.
    """
    repository = source_tree.locate(settings.src, app_src)
    names = source_tree.find_notebooks(repository, settings.source_notebook, settings.source_notebook_list, log.note)
    notebooks = _read(repository, names, log, handle)
    changed = _last_change(repository, notebooks)
    resolved_as_of = None
    with passing(handle):
        resolved_as_of = last_change.choose(settings.resolve_as_of, changed, names[-1])
    wishes = _wishes(notebooks[-1], repository) if notebooks else []
    wishes += interpreters.of_date(resolved_as_of.day) if resolved_as_of else []
    downloads = settings.python_downloads
    if downloads == interpreters.AUTO and not may_download:
        downloads = interpreters.REPORT
    choice = interpreters.choose(settings.python, wishes, log, environ, downloads)
    python = choice.python
    weights: list[Entry] = []
    for notebook in notebooks:
        log.detail(f"{notebook.name}, with Python {python.minor}")
        for problem in _contract_findings(notebook, python, settings, defines=notebook.name == names[-1]):
            handle(_with_reason(problem, notebook.cells))
        place = weights_list.Place(notebook.name, repository, tuple(weights))
        is_valid = True
        for problem in weights_list.findings(notebook.cells, place, settings.allow_weights):
            handle(problem)
            is_valid = False
        weights += weights_list.read(notebook.cells, notebook.name) if is_valid else []
        for problem in platforms.findings(notebook.node, notebook.cells, notebook.name, repository):
            handle(problem)
    notebooks = _with_parameters(notebooks, settings, log, handle)
    if settings.cells == "needed" and notebooks:
        notebooks = [*notebooks[:-1], _without_unneeded(notebooks[-1], log)]
    _look_for_files(notebooks, repository, handle)
    if len(notebooks) == len(names):
        _look_for_undefined(notebooks[-1], python, log, handle)
    system: tuple[SystemPackage, ...] = ()
    with passing(handle):
        system = system_packages.read([notebook.folder(repository) for notebook in notebooks], repository)
    if not settings.in_image:
        for notebook in notebooks:
            host_commands.announce(notebook.cells, str(notebook.name), log)
    return Checked(repository, tuple(notebooks), python, system, resolved_as_of, changed, choice.note, choice.others)


def read_requirements(
    checked: Checked,
    src: Path,
    into: Path,
    log: Log,
    handle: ProblemHandler = raise_problem,
    *,
    allowed: Sequence[str] = (),
    computes: bool = True,
) -> Wanted | None:
    """Write each notebook's script one into the folder `into` and run it; return the merged requirements.

    `allowed` are the hosts whose indexes they may name. Without `computes` no code of the notebook runs: requirements
    that are not literals are not read, and a note reports this. Logs which file of the repository counts, and its
    notes. Raises only what `handle` raises; if it raises nothing, None is returned for unreadable requirements.
    """
    parts = []
    for notebook in checked.notebooks:
        script = scripts.requirements_script(notebook.with_runs(src), notebook.name)
        literal = literal_requirements.script(script.cells)
        if literal is None and not computes:
            log.note(
                f"{notebook.name} computes its requirements. They were not checked, because that would run code "
                "of the repository; --run-requirements does so."
            )
            continue
        text = script.text if computes or literal is None else literal
        with passing(handle):
            wanted = _requirements_of(notebook, text, checked.python, src, into, allowed, isolated=not computes)
            parts.append((notebook.name, wanted))
    if len(parts) < len(checked.notebooks):
        return None
    requirements = None
    with passing(handle):
        requirements = merge.join(parts)
    for part in dict.fromkeys(part.choice for _, part in parts):
        if part.counted:
            log.detail(f"as {part.counted.file} says")
        for note in part.notes:
            log.note(note)
    # `is not None`, because requirements with no entries have length 0 and are false.
    if requirements is not None:
        _look_for_undeclared(checked, requirements, src, log, handle)
    return requirements


@contextmanager
def passing(handle: ProblemHandler) -> Iterator[None]:
    """Pass a problem that is raised in the block to `handle`."""
    try:
        yield
    except Problem as problem:
        handle(problem)


def _read(repository: Path, names: Sequence[Path], log: Log, handle: ProblemHandler) -> list[Notebook]:
    notebooks = []
    for number, name in enumerate(names, start=1):
        # The files of the last notebook have plain names. The stem is cut, because a file name is limited to 255 bytes.
        prefix = f"{number}-{name.stem[:40]}-" if number < len(names) else ""
        with passing(handle):
            node = platforms.without_setup(notebook_file.read(repository, name), name, repository, log)
            notebooks.append(Notebook(name, node, prefix))
    return notebooks


def _with_reason(problem: Problem, cells: Sequence[Cell]) -> Problem:
    """Add to PredictorMissing why none can be proposed; return any other problem unchanged."""
    if not isinstance(problem, PredictorMissing):
        return problem
    # Imported here, because notebooks with a predictor don't need it.
    from nb_builder.analysis import fitted_models

    if fitted_models.part_with_model(cells):
        return problem
    reason = f", and none can be proposed, because {fitted_models.obstacle(cells)}"
    return PredictorMissing(notebook=problem.facts["notebook"], other=str(problem.facts["other"]), reason=reason)


def _with_parameters(
    notebooks: Sequence[Notebook], settings: Settings, log: Log, handle: ProblemHandler
) -> list[Notebook]:
    """Return the notebooks with the values of S2I_PARAMETERS in their cells."""
    nodes = [notebook.node for notebook in notebooks]
    with passing(handle):
        nodes = parameters.apply(nodes, settings.parameters, log)
    return [Notebook(notebook.name, node, notebook.prefix) for notebook, node in zip(notebooks, nodes, strict=True)]


def _contract_findings(notebook: Notebook, python: Python, settings: Settings, *, defines: bool) -> Iterator[Problem]:
    """Yield the problems of a notebook's contract, except Python 2 in cells of which at most the imports run."""
    unneeded = needed_cells.find(notebook.cells) if settings.cells == "needed" else needed_cells.Unneeded()
    skipped = {cell.number for cell in (*unneeded.left_out, *unneeded.imports_only)}
    for problem in notebook_contract.findings(notebook.cells, notebook.name, python.path, defines=defines):
        if not (isinstance(problem, Python2Code) and problem.cell.number in skipped):
            yield problem


def _without_unneeded(notebook: Notebook, log: Log) -> Notebook:
    """Return the notebook with each cell that the service doesn't need replaced by a comment.

    Cells that may have other effects stay, and may fail.
    """
    unneeded = needed_cells.find(notebook.cells)
    node = copy.deepcopy(notebook.node)
    for cell in unneeded.left_out:
        node.cells[(cell.position or 0) - 1].source = needed_cells.LEFT_OUT
    for cell in unneeded.imports_only:
        node.cells[(cell.position or 0) - 1].source = needed_cells.with_imports_only(cell).source
    for cell in unneeded.may_fail:
        metadata = node.cells[(cell.position or 0) - 1].metadata
        metadata.tags = [*metadata.get("tags", []), notebook_contract.TOLERATED]
    for intro, cells in (
        ("left out, because predictor does not need them", unneeded.left_out),
        ("not needed by predictor but for their imports, which are all that runs of them", unneeded.imports_only),
        ("not needed by predictor, so they may fail", unneeded.may_fail),
    ):
        if cells:
            log.detail(f"{intro}: cells [{', '.join(str(cell.number) for cell in cells)}]")
    return Notebook(notebook.name, node, notebook.prefix)


def _look_for_files(notebooks: Sequence[Notebook], repository: Path, handle: ProblemHandler) -> None:
    """Report files that cells read and git tracks, but the working copy lacks."""
    for notebook in notebooks:
        for problem in data_files.not_checked_out(notebook.cells, notebook.name, repository):
            handle(problem)


def _look_for_undefined(last: Notebook, python: Python, log: Log, handle: ProblemHandler) -> None:
    """Report names in predictor and validator that are undefined, or defined only in Jupyter.

    The cells include the parameters, which define names, too.
    """
    undefined, notes = undefined_names.findings(last.cells, last.name, python.path)
    of_jupyter, more_notes = jupyter_names.findings(last.cells, last.name)
    problems = [*undefined, *of_jupyter]
    for note in notes + more_notes:
        log.note(note)
    for problem in problems:
        handle(problem)


def _wishes(notebook: Notebook, repository: Path) -> list[Wish]:
    """Return the requested Pythons and who requests them, in order of precedence.

    If the notebook itself lists its packages, the Python in its metadata takes precedence. If a file lists them, that
    file's Python, then runtime.txt and .python-version, precede what Jupyter wrote to the metadata.
    """
    version = notebook_file.wanted_python(notebook.node)
    recorded = [Wish("the notebook was written with", f"=={version}.*")] if version else []
    declared = sources.of_repository(notebook.name, notebook.node, repository)
    files = [*_counted(notebook, declared), *sources.of_python(notebook.name, repository)]
    requested = [Wish(f"{source.file} asks for", source.packages.python) for source in files if source.packages.python]
    return [*recorded, *requested] if notebook_contract.bindings(NAME, notebook.cells) else [*requested, *recorded]


def _look_for_undeclared(checked: Checked, wanted: Wanted, src: Path, log: Log, handle: ProblemHandler) -> None:
    """Report the imports of notebooks that declare nothing, and note those that may still be installed."""
    cells = _cells(checked, src)
    for notebook in checked.notebooks if not wanted.declared else ():
        with passing(handle):
            undeclared_imports.require_declared(
                cells[notebook.name], notebook.folder(src), src, notebook.name, wanted.choice.silent
            )
    for note in unnamed_imports.mistaken(wanted):
        log.note(note)
    installs = pip_cells.find_installs([cell for each in cells.values() for cell in each])
    _look_for_ipython(checked.last, wanted, installs, log, handle)
    if not wanted.declared and not installs.requirements:
        return
    for note in unnamed_imports.notes(_imports(checked, cells, src), wanted, installs):
        log.note(note)


def note_unnamed(checked: Checked, wanted: Wanted, src: Path, log: Log) -> None:
    """Note the imports that a build would look up after installing the `wanted` packages, which aren't installed."""
    if wanted.declared:
        cells = _cells(checked, src)
        installs = pip_cells.find_installs([cell for each in cells.values() for cell in each])
        for note in unnamed_imports.notes_without_a_build(_imports(checked, cells, src), wanted, installs):
            log.note(note)


def _cells(checked: Checked, src: Path) -> dict[Path, tuple[Cell, ...]]:
    """Return the cells of each notebook, with the code of the files that they run."""
    return {notebook.name: scripts.author_cells(notebook.with_runs(src)) for notebook in checked.notebooks}


def _imports(checked: Checked, cells: Mapping[Path, Sequence[Cell]], src: Path) -> list[tuple[Import, str]]:
    """Return the notebooks' imports from outside the repository, each with its notebook's name."""
    return [
        (imported, str(notebook.name))
        for notebook in checked.notebooks
        for imported in undeclared_imports.of_notebook(cells[notebook.name], notebook.folder(src), src)
    ]


def _look_for_ipython(
    last: Notebook, wanted: Wanted, installs: pip_cells.Installs, log: Log, handle: ProblemHandler
) -> None:
    """Report IPython names in predictor and validator, or note them if a requirement may include IPython."""
    for use in jupyter_names.imported(last.cells)[:1]:
        if unnamed_imports.nothing_is_installed(wanted, installs):
            handle(jupyter_names.problem(use, last.name, '; or install IPython: requirements = [["ipython", ""]]'))
        elif unnamed_imports.lacks("ipython", wanted, installs):
            where = use.cell.where(str(last.name), use.line)
            log.note(
                f"{use.function} uses '{use.name}' of IPython ({where}), and no requirement names ipython. "
                f"Unless another package installs it, the service can't load {use.function}."
            )


def _counted(notebook: Notebook, declared: Sequence[Declaration]) -> list[Declaration]:
    """Return the declaration whose packages will count, if that is known before script one has run."""
    if notebook_contract.bindings(NAME, notebook.cells):
        return []
    counted = sources.choose((), declared).counted
    return [counted] if counted else []


def _last_change(repository: Path, notebooks: Sequence[Notebook]) -> AsOf | None:
    """Return the latest of the notebooks' last changes, or None if none is known."""
    changes = [
        change for notebook in notebooks if (change := last_change.find(repository, notebook.name, notebook.node))
    ]
    return max(changes, key=lambda change: change.moment, default=None)


def _requirements_of(
    notebook: Notebook,
    script: str,
    python: Python,
    src: Path,
    into: Path,
    allowed: Sequence[str],
    *,
    isolated: bool,
) -> Wanted:
    path = into / (notebook.prefix + paths.REQUIREMENTS_SCRIPT)
    path.write_text(script, encoding="utf-8")
    try:
        declared = sources.of_repository(notebook.name, notebook.node, src)
        folder = notebook.folder(src)
        interpreter = collect.Interpreter(python.path, python.full or python.minor, isolated)
        return collect.collect(path, interpreter, folder, src, notebook.name, declared, allowed=allowed)
    except BuildProblem as problem:
        bindings = notebook_contract.bindings(NAME, notebook.cells)
        if not bindings or not _is_of_the_cell(problem, notebook.name):
            raise
        last = bindings[-1]
        kind = notebook_contract.other_use(last.statement)
        if kind:
            meaning = 'the list of packages to install, for example requirements = [["numpy", "1.26.4"]]'
            raise NameTaken(
                cell=last.cell,
                notebook=str(notebook.name),
                line=last.statement.lineno,
                name=NAME,
                kind=kind,
                meaning=meaning,
            ) from None
        problem.at(notebook.name, last.cell, last.statement.lineno)
        raise


def _is_of_the_cell(problem: BuildProblem, notebook: Path) -> bool:
    """Return whether a requirements problem is in the cell's list, not in a file of the repository."""
    where, owner = problem.facts.get("where", CELL), problem.facts.get("notebook", notebook)
    return str(where).startswith(CELL) and str(owner) == str(notebook)
