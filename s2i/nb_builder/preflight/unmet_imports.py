"""Which imports can't be met: asked of the installed environment before the first cell, and told all together."""

import configparser
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nb_scorer.protocol import launch

from nb_builder import platforms
from nb_builder.common.cell import Cell
from nb_builder.common.log import Log
from nb_builder.execute import cell_errors
from nb_builder.preflight import undeclared_imports
from nb_builder.preflight.checks import Notebook
from nb_builder.preflight.undeclared_imports import Import
from nb_builder.problems.base import BuildProblem
from nb_builder.problems.imports import ImportOfSubmodule, ImportsUndeclared
from nb_builder.requirements.import_names import entry

# Run by the model Python, and kept to what CPython 3.6 reads. It prints for each import what of it is not there,
# null where all is or nobody can tell, and "" where there are only folders. No code is run: only a package without
# files of its own (google, azure) is imported, and looked into part by part. '' is the folder of the repository, which
# may have a json.py.
_ASK = """
import sys
sys.path[:] = [place for place in sys.path if place]
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
json.dump([missing(*one) for one in json.load(sys.stdin)], sys.stdout)
"""


@dataclass(frozen=True)
class Unmet:
    """An import of a notebook that the environment does not meet; `submodule` is the git submodule that it means."""

    found: Import
    notebook: str
    sure: bool
    submodule: str | None = None

    @property
    def words(self) -> str:
        """Return the words for the import and its place, and for what is wrong where no package can mend it."""
        world = platforms.world_of(self.found.module)
        reason = f"the git submodule {self.submodule}, which was not fetched" if self.submodule else ""
        reason = f"only {world.name} has it" if world else reason
        perhaps = "" if self.sure else "perhaps never run"
        more = "; ".join(part for part in (reason, perhaps) if part)
        return f"'{self.found.package}': {self.found.where(self.notebook)}" + (f" ({more})" if more else "")

    def problem(self, cell: Cell) -> BuildProblem:
        """Return the problem of this import alone, which is one of `cell`."""
        module, line = self.found.package, self.found.line
        if self.submodule:
            return ImportOfSubmodule(cell=cell, notebook=self.notebook, line=line, module=module, path=self.submodule)
        return cell_errors.not_installed(module, {"cell": cell, "notebook": self.notebook, "line": line})


def require_met(
    notebooks: Sequence[Notebook], src: Path, python: Path, overlay: Path, environ: Mapping[str, str], log: Log
) -> None:
    """Raise the problem of all imports that are surely run and can't be met; note those that may be run.

    `notebooks` are run in this order by `python`, `overlay` is the folder that the kernel's own packages are lent from.
    """
    lacked: list[Unmet] = []
    installed = False
    submodules = _unfetched(src)
    for each in notebooks:
        found = undeclared_imports.of_notebook(each.cells, each.folder(src), src)
        there = _ask(found, python, overlay, each.folder(src), environ)
        for one, lacking in zip(found, there, strict=True):
            submodule = submodules.get(one.module.split(".")[0])
            if lacking or (submodule and lacking is not None):
                lacked.append(Unmet(one, str(each.name), one.sure and not installed, submodule))
        installed = installed or undeclared_imports.installs(each.cells)
    surely = [one for one in lacked if one.sure]
    if surely:
        raise _problem(lacked, surely, str(notebooks[-1].name))
    # What a cell installs is not there yet, and what one place only has is imported where it is.
    perhaps = [one for one in lacked if not installed and not platforms.world_of(one.found.module)]
    if perhaps:
        log.note("not installed, and needed only if this is run:")
        for unmet in perhaps:
            log.line(f"       {unmet.words.replace(' (perhaps never run)', '')}")


def _problem(unmet: Sequence[Unmet], surely: Sequence[Unmet], notebook: str) -> BuildProblem:
    first = surely[0]
    if len(unmet) == 1 and first.found.cell:
        return first.problem(first.found.cell)
    lacking = [each for each in unmet if not each.submodule and not platforms.world_of(each.found.module)]
    entries = ", ".join(dict.fromkeys(entry(each.found.package) for each in lacking))
    entries = f"; add to 'requirements', with your versions: {entries}" if entries else ""
    modules = ", ".join(dict.fromkeys(repr(each.found.package) for each in surely))
    lines = "\n".join(f"  {each.words}" for each in unmet)
    problem = ImportsUndeclared(notebook=notebook, modules=modules, entries=entries, detail=lines)
    return problem.at(first.notebook, first.found.cell, first.found.line) if first.found.cell else problem


def _ask(
    found: Sequence[Import], python: Path, overlay: Path, folder: Path, environ: Mapping[str, str]
) -> list[str | None]:
    """Return for each import what _ASK says of it."""
    ran = subprocess.run(
        [python, "-c", _ASK, folder, overlay],
        cwd=folder,
        env=launch.environment(environ),
        input=json.dumps([(each.module, each.names) for each in found]),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if ran.returncode:
        raise RuntimeError(f"the notebook's Python can't look for its imports:\n{ran.stderr}")
    # What a package's start-up file prints comes before it.
    return json.loads(ran.stdout.splitlines()[-1])


def _unfetched(src: Path) -> dict[str, str]:
    """Return {name of a module: path} for the git submodules of the repository that hold no file."""
    file = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        file.read_string(_without_indents((src / ".gitmodules").read_text("utf-8", "replace")))
    except (OSError, configparser.Error):
        return {}
    paths = [file[section]["path"] for section in file.sections() if "path" in file[section]]
    empty = [path for path in paths if not (src / path).is_dir() or not any((src / path).iterdir())]
    return {Path(path).name: path for path in empty}


def _without_indents(text: str) -> str:
    """Return git's configuration with no line indented: configparser would join those with the line before."""
    return "\n".join(line.strip() for line in text.splitlines())
