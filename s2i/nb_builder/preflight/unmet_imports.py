"""Looks up imports in the installed environment before the first cell runs, and reports all missing ones at once."""

import configparser
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nb_scorer.common import phrases
from nb_scorer.protocol import launch

from nb_builder import platforms
from nb_builder.common import inside, programs
from nb_builder.common.cell import Cell
from nb_builder.common.log import Log
from nb_builder.execute import cell_errors
from nb_builder.preflight import declaring, undeclared_imports
from nb_builder.preflight.checks import Notebook
from nb_builder.preflight.undeclared_imports import Import
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.problems.modules import OWN_LIST, ImportOfSubmodule, ImportsUndeclared
from nb_builder.repository import ordinary_files
from nb_builder.requirements.import_names import entry

# Run by the model Python, so its syntax is that of CPython 3.6. For each import it prints the missing name, null if
# nothing is missing or that is unknown, and "" if only folders were found. No package's code runs: find_spec imports
# the parents of a dotted name, so only namespace packages (google, azure), which have no code, are searched part by
# part. '' is removed from sys.path, because it is the repository's folder, which may have a json.py.
_FIND_MISSING = """
import sys
sys.path[:] = [path for path in sys.path if path]
import importlib.util, json
sys.path += sys.argv[1:]
def find(name):
    try:
        return importlib.util.find_spec(name)
    except (ImportError, AttributeError, ValueError):
        return find
def missing(module, names):
    name = ""
    for part in module.split("."):
        name = name + "." + part if name else part
        spec = find(name)
        if spec is None:
            return name
        if spec is find or spec.submodule_search_locations is None or spec.origin not in (None, "namespace"):
            return None
    lacking = [name + "." + part for part in names if part != "*" and find(name + "." + part) is None]
    return lacking[0] if lacking else ""
json.dump([missing(*imported) for imported in json.load(sys.stdin)], sys.stdout)
"""


@dataclass(frozen=True)
class Unmet:
    """An import that the environment lacks; `submodule` is the path of the git submodule that should contain it.

    `sure` is true if it certainly runs.
    """

    imported: Import
    notebook: str
    sure: bool
    submodule: str | None = None

    @property
    def description(self) -> str:
        """Return the import and its location, with the reason if installing a package would not help."""
        platform = platforms.platform_of(self.imported.module)
        reason = f"the git submodule {self.submodule}, which was not fetched" if self.submodule else ""
        reason = f"only {platform.name} has it" if platform else reason
        uncertainty = "" if self.sure else "perhaps never run"
        remarks = "; ".join(part for part in (reason, uncertainty) if part)
        return f"'{self.imported.package}': {self.imported.where(self.notebook)}" + (f" ({remarks})" if remarks else "")

    def problem(self, cell: Cell) -> BuildProblem:
        """Return the problem of this import alone, which is in `cell`."""
        module, line = self.imported.package, self.imported.line
        if self.submodule:
            return ImportOfSubmodule(cell=cell, notebook=self.notebook, line=line, module=module, path=self.submodule)
        return cell_errors.not_installed(module, {"cell": cell, "notebook": self.notebook, "line": line})


def require_met(
    notebooks: Sequence[Notebook], src: Path, python: Path, overlay: Path, environ: Mapping[str, str], log: Log
) -> None:
    """Raise a problem for missing imports that certainly run; log a note for those that may run.

    `notebooks` are run in this order by `python`; `overlay` is the folder with the packages of the kernel itself.
    """
    unmet_imports: list[Unmet] = []
    installed = False
    submodules = _unfetched(src)
    for notebook in notebooks:
        imports = undeclared_imports.of_notebook(notebook.cells, notebook.folder(src), src)
        missing_names = _missing_names(imports, python, overlay, notebook.folder(src), environ)
        for imported, missing in zip(imports, missing_names, strict=True):
            submodule = submodules.get(imported.module.split(".")[0])
            if missing or (submodule and missing is not None):
                unmet_imports.append(Unmet(imported, str(notebook.name), imported.sure and not installed, submodule))
        installed = installed or undeclared_imports.installs(notebook.cells)
    certain = [unmet for unmet in unmet_imports if unmet.sure]
    if certain:
        raise _problem(unmet_imports, certain, str(notebooks[-1].name))
    # No note if a cell installs packages, which aren't installed yet, nor for a module of another platform, where the
    # import is meant to run.
    uncertain = [unmet for unmet in unmet_imports if not installed and not platforms.platform_of(unmet.imported.module)]
    if uncertain:
        log.note("not installed, but only needed if this code runs:")
        for unmet in uncertain:
            log.detail(f"  {unmet.description.replace(' (perhaps never run)', '')}")


def _problem(unmet_imports: Sequence[Unmet], certain: Sequence[Unmet], notebook: str) -> BuildProblem:
    first = certain[0]
    if len(unmet_imports) == 1 and first.imported.cell:
        return first.problem(first.imported.cell)
    installable = [
        unmet for unmet in unmet_imports if not unmet.submodule and not platforms.platform_of(unmet.imported.module)
    ]
    entries = ", ".join(dict.fromkeys(entry(unmet.imported.package) for unmet in installable))
    adding = declaring.adding(OWN_LIST, entries)
    modules = ", ".join(dict.fromkeys(repr(unmet.imported.package) for unmet in certain))
    lines = "\n".join(f"  {unmet.description}" for unmet in unmet_imports)
    problem = ImportsUndeclared(notebook=notebook, modules=modules, entries=entries, adding=adding, detail=lines)
    return problem.at(first.notebook, first.imported.cell, first.imported.line) if first.imported.cell else problem


def _missing_names(
    imports: Sequence[Import], python: Path, overlay: Path, folder: Path, environ: Mapping[str, str]
) -> list[str | None]:
    """Return what _FIND_MISSING prints for each import: a name, "" or None."""
    command: list[str | Path] = [python, "-c", _FIND_MISSING, folder, overlay]
    asked = json.dumps([(imported.module, imported.names) for imported in imports])
    completed = programs.run(command, cwd=folder, env=launch.environment(environ), input=asked)
    if completed.returncode:
        raise RuntimeError(f"the notebook's Python can't look for its imports:\n{completed.stderr}")
    # The last line, because a package's startup file (.pth) may print something before it.
    return json.loads(phrases.last_line(completed.stdout))


def _unfetched(src: Path) -> dict[str, str]:
    """Return {module name: path} for the git submodules of the repository whose folders are empty."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        file = ordinary_files.require(src / ".gitmodules", src)
        parser.read_string(_without_indents(file.read_text("utf-8", "replace")))
    except (OSError, configparser.Error):
        return {}
    paths = [parser[section]["path"] for section in parser.sections() if "path" in parser[section]]
    return {
        Path(path).name: path
        for path in paths
        if not inside.unreadable_reason(src / path, src) and _is_empty(src / path)
    }


def _is_empty(folder: Path) -> bool:
    return not os.path.isdir(folder) or not any(folder.iterdir())


def _without_indents(text: str) -> str:
    """Return git's configuration without indents: configparser treats an indented line as a continuation."""
    return "\n".join(line.strip() for line in text.splitlines())
