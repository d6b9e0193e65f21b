"""All that is known of a repository before anything is installed.

One list of rooms for two callers: `check` collects all findings, and so does a build before it stops at them.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nb_scorer.common import paths
from nb_scorer.common.problem import Problem
from nbformat import NotebookNode

from nb_builder import platforms
from nb_builder.analysis import contract, undefined_names
from nb_builder.common.cell import Cell
from nb_builder.common.log import Log
from nb_builder.common.resolve_date import AsOf
from nb_builder.common.settings import Settings
from nb_builder.install import interpreters, system_packages
from nb_builder.install.interpreters import Python, Wish
from nb_builder.install.system_packages import SystemPackage
from nb_builder.preflight import host_commands, parameters, undeclared_imports
from nb_builder.problems.base import BuildProblem
from nb_builder.problems.contract import NameTaken
from nb_builder.repository import included_files, last_change, notebook_file, source_tree
from nb_builder.requirements import collect, merge, sources
from nb_builder.requirements.collect import Wanted
from nb_builder.requirements.line_parser import CELL
from nb_builder.requirements.sources import Declaration
from nb_builder.rewrite import scripts
from nb_builder.rewrite.keep_requirements import NAME

Found = Callable[[Problem], None]


@dataclass(frozen=True)
class Notebook:
    """One notebook of a build; `prefix` goes before the names of its files in build/, "" for the last one."""

    name: Path
    node: NotebookNode
    prefix: str

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Return the author's code cells as plain Python."""
        return scripts.author_cells(self.node)

    def with_runs(self, src: Path) -> NotebookNode:
        """Return the notebook with the cells of the repository's files that it runs with `%run`."""
        return included_files.expanded(self.node, self.folder(src), src)

    def folder(self, src: Path) -> Path:
        """Return the notebook's folder below `src`: the working directory of its code."""
        return (src / self.name).parent


@dataclass(frozen=True)
class Checked:
    """The notebooks of a build, in the order in which they are run, and what is known of all of them together.

    `system` is what the system must have, `as_of` the date to resolve requirements to, None for today, and
    `changed` when the notebooks last changed.
    """

    repository: Path
    notebooks: tuple[Notebook, ...]
    python: Python
    system: tuple[SystemPackage, ...] = ()
    as_of: AsOf | None = None
    changed: AsOf | None = None

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
        """Return the notebook that defines the contract."""
        return self.last.node


def refuse(problem: Problem) -> None:
    """Stop at this finding: raise it."""
    raise problem


def look(settings: Settings, kept: Path, log: Log, found: Found = refuse) -> Checked:
    """Find, read and judge the notebooks, and choose their Python; nothing is written.

    Raises what leaves nothing to judge: no repository, no notebook, no Python.
    """
    repository = source_tree.locate(settings.src, kept)
    names = source_tree.find_notebooks(repository, settings.source_notebook, settings.source_notebook_list, log.note)
    read = _read(repository, names, log, found)
    changed = _last_change(repository, read)
    resolved_as_of = None
    with passing(found):
        resolved_as_of = last_change.choose(settings.resolve_as_of, changed, names[-1])
    wishes = _wishes(read[-1], repository) if read else []
    wishes += interpreters.of_date(resolved_as_of.day) if resolved_as_of else []
    python = interpreters.choose(settings.python, wishes, log)
    for each in read:
        log.line(f"     {each.name}, with Python {python.minor}")
        for problem in contract.findings(each.cells, each.name, python.path, defines=each.name == names[-1]):
            found(problem)
        for problem in platforms.findings(each.node, each.cells, each.name, repository):
            found(problem)
    read = _with_parameters(read, settings, log, found)
    if len(read) == len(names):
        _look_for_undefined(read[-1], python, log, found)
    system: tuple[SystemPackage, ...] = ()
    with passing(found):
        system = system_packages.read([each.folder(repository) for each in read], repository)
    if not settings.in_image:
        for each in read:
            host_commands.announce(each.cells, str(each.name), log)
    return Checked(repository, tuple(read), python, system, resolved_as_of, changed)


def read_requirements(
    checked: Checked, src: Path, into: Path, log: Log, found: Found = refuse, *, allowed: Sequence[str] = ()
) -> Wanted | None:
    """Write each notebook's script one into the folder `into` and run it; return all that they ask for together.

    `allowed` are the hosts whose indexes they may name. Logs which file of the repository counts, and what to
    know of it.

    Raises nothing but what `found` does; then None is returned where nothing could be read.
    """
    parts = []
    for each in checked.notebooks:
        with passing(found):
            parts.append((each.name, _requirements_of(each, checked.python, src, into, allowed)))
    if len(parts) < len(checked.notebooks):
        return None
    wanted = None
    with passing(found):
        wanted = merge.join(parts)
    for part in dict.fromkeys(part.choice for _, part in parts):
        if part.counted:
            log.line(f"     as {part.counted.file} says")
        for note in part.notes:
            log.note(note)
    # `is not None`: one that asks for nothing has the length 0.
    for each in checked.notebooks if wanted is not None and not wanted.declared else ():
        with passing(found):
            cells = scripts.author_cells(each.with_runs(src))
            undeclared_imports.require_declared(cells, each.folder(src), src, each.name, wanted.choice.silent)
    return wanted


@contextmanager
def passing(found: Found) -> Iterator[None]:
    """Hand a problem that is raised inside to `found`."""
    try:
        yield
    except Problem as problem:
        found(problem)


def _read(repository: Path, names: Sequence[Path], log: Log, found: Found) -> list[Notebook]:
    read = []
    for number, name in enumerate(names, start=1):
        # The last one's files have the plain names, as has a sole one. A file's name may have 255 bytes.
        prefix = f"{number}-{name.stem[:40]}-" if number < len(names) else ""
        with passing(found):
            node = platforms.settled(notebook_file.read(repository, name), name, repository, log)
            read.append(Notebook(name, node, prefix))
    return read


def _with_parameters(read: Sequence[Notebook], settings: Settings, log: Log, found: Found) -> list[Notebook]:
    """Return the notebooks with the values of S2I_PARAMETERS in their cells."""
    nodes = [each.node for each in read]
    with passing(found):
        nodes = parameters.apply(nodes, settings.parameters, log)
    return [Notebook(each.name, node, each.prefix) for each, node in zip(read, nodes, strict=True)]


def _look_for_undefined(last: Notebook, python: Python, log: Log, found: Found) -> None:
    """Judge the names that predictor and validator use; parameters, in the cells by now, define names, too."""
    problems, notes = undefined_names.findings(last.cells, last.name, python.path)
    for note in notes:
        log.note(note)
    for problem in problems:
        found(problem)


def _wishes(each: Notebook, repository: Path) -> list[Wish]:
    """Return who asks for which Python, in the order in which they count.

    Where the notebook itself names its packages, so does it the Python. Where a file does, that file's Python,
    and what runtime.txt or .python-version say, go before what Jupyter has written into the notebook's metadata.
    """
    version = notebook_file.wanted_python(each.node)
    recorded = [Wish("the notebook was written with", f"=={version}.*")] if version else []
    declared = sources.of_repository(each.name, each.node, repository)
    files = [*_counted(each, declared), *sources.of_python(each.name, repository)]
    asked = [Wish(f"{source.file} asks for", source.said.python) for source in files if source.said.python]
    return [*recorded, *asked] if contract.bindings(NAME, each.cells) else [*asked, *recorded]


def _counted(each: Notebook, declared: Sequence[Declaration]) -> list[Declaration]:
    """Return the declaration whose packages will count, as far as that can be told before script one has run."""
    if contract.bindings(NAME, each.cells):
        return []
    counted = sources.choose((), declared).counted
    return [counted] if counted else []


def _last_change(repository: Path, read: Sequence[Notebook]) -> AsOf | None:
    """Return when the notebook that changed last did so, as far as any tells."""
    changes = [change for each in read if (change := last_change.of(repository, each.name, each.node))]
    return max(changes, key=lambda change: change.moment, default=None)


def _requirements_of(each: Notebook, python: Python, src: Path, into: Path, allowed: Sequence[str]) -> Wanted:
    script = scripts.requirements_script(each.with_runs(src), each.name)
    path = into / (each.prefix + paths.REQUIREMENTS_SCRIPT)
    path.write_text(script.text, encoding="utf-8")
    try:
        declared = sources.of_repository(each.name, each.node, src)
        return collect.collect(path, python.path, each.folder(src), src, each.name, declared, allowed=allowed)
    except BuildProblem as problem:
        bindings = contract.bindings(NAME, each.cells)
        if not bindings or not _is_of_the_cell(problem, each.name):
            raise
        last = bindings[-1]
        kind = contract.other_use(last.statement)
        if kind:
            meaning = 'the list of packages to install, for example requirements = [["numpy", "1.26.4"]]'
            raise NameTaken(
                cell=last.cell,
                notebook=str(each.name),
                line=last.statement.lineno,
                name=NAME,
                kind=kind,
                meaning=meaning,
            ) from None
        problem.at(each.name, last.cell, last.statement.lineno)
        raise


def _is_of_the_cell(problem: BuildProblem, notebook: Path) -> bool:
    """Tell whether a problem with requirements is one of the cell's list, and not of a file of the repository."""
    line, home = problem.facts.get("where", CELL), problem.facts.get("notebook", notebook)
    return str(line).startswith(CELL) and str(home) == str(notebook)
