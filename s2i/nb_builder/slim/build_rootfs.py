"""Lays the file system of the runtime image: what of the service image goes into the tree, and in what form."""

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nb_scorer.common import paths
from nb_scorer.model import manifest
from nb_scorer.protocol import launch

from nb_builder.common.slim_levels import FILES, OFF, SHELL
from nb_builder.common.workspace import Workspace
from nb_builder.slim.attest import licences, sbom
from nb_builder.slim.elf import headers, shared_objects
from nb_builder.slim.plan import prune_rules
from nb_builder.slim.plan.planner import Plan
from nb_builder.slim.problems import SlimPythonDiffers
from nb_builder.slim.rootfs import bytecode, dist_info, image_env, interpreter, shell_base, system_files
from nb_builder.slim.rootfs.stand_ins import ldconfig, lscpu
from nb_builder.slim.tree import Tree, files_below

# The service's own doors: nothing in the image reads a script but Python.
DOOR = "/usr/libexec/s2i/run"
DOORS = ("/usr/local/bin/run", "/usr/local/bin/serve", "/usr/local/bin/selftest")
# A tool that libraries start, where a stand-in for it goes, and that: where no package has files, if that will do.
STAND_INS = (
    ("/usr/bin/lscpu", "/usr/local/bin/lscpu", lscpu),
    ("/sbin/ldconfig", os.path.realpath("/sbin") + "/ldconfig", ldconfig),
)
_DOOR = """\
#!{python} -Iu
import os, sys
from nb_service.__main__ import main
name = os.path.basename(sys.argv[0])
words = [] if name in ("run", "serve") else [name]
sys.exit(main(words + sys.argv[1:], dict(os.environ)))
"""


@dataclass(frozen=True)
class Place:
    """Where things are in the service image, and on what `base` (scratch or shell) the slim one stands."""

    app: Workspace
    home: Path
    certificates: Path | None
    base: str

    @property
    def service(self) -> Path:
        """Return the environment of the front."""
        return self.home / "service"

    @property
    def pythons(self) -> tuple[Path, Path]:
        """Return the front's Python and the model's."""
        return self.service / "bin" / "python", self.app.venv / "bin" / "python"


def interpreters(place: Place) -> tuple[interpreter.Interpreter, interpreter.Interpreter]:
    """Return the front's Python and the model's; raise SlimPythonDiffers where one is not what it was built for."""
    front, model = (interpreter.ask(python) for python in place.pythons)
    wanted = manifest.read(place.app.model).get("python")
    if front is None:
        raise SlimPythonDiffers(python=place.pythons[0], found="none that runs", wanted="3.10 or later")
    if model is None or model.minor != wanted:
        raise SlimPythonDiffers(
            python=place.pythons[1], found=model.minor if model else "none that runs", wanted=wanted
        )
    return front, model


def everything(tree: Tree, plan: Plan, place: Place, whole: Collection[str] = ()) -> None:
    """Lay all that the plan leaves, modules as sources still: what follows may take some of it away.

    Distributions named in `whole` keep their tests and headers, too.
    """
    for python in interpreters(place):
        _interpreter(tree, python, plan)
    for environment in (place.service, place.app.venv):
        _environment(tree, environment, plan, whole)
    ours = Path(launch.HOME)
    for package in ("nb_scorer", "nb_service"):
        tree.carry_all(ours / package, lambda path: not _is_bytecode(path))
    _app_root(tree, place.app)
    system_files.lay(tree, place.certificates)
    if place.base == SHELL:
        shell_base.lay(tree)
    _doors(tree, place)


def finish(tree: Tree, plan: Plan, place: Place, date: int) -> list[str]:
    """Give what is laid its last form: libraries of the system, bytecode, licences; sealed with `date`.

    Returns sentences on what people should know of it.
    """
    front, model = interpreters(place)
    shared_objects.lay(tree, plan, headers.interpreter(front.program))
    if plan.level != OFF:
        shared_objects.make_smaller(tree, (place.service, place.app.venv))
    _compile(tree, plan, place, (front, model), date)
    for environment in (place.service, place.app.venv):
        if plan.level == FILES:
            dist_info.shorten(tree, str(environment))
        dist_info.correct(tree, str(environment))
    lacking = licences.lay(tree)
    sbom.lay(tree, place, (front, model), date)
    # The predictor may write where it works, as it may in the service image; nobody writes to code and model.
    tree.seal(date, (str(place.app.src), system_files.TEMPORARY))
    return [f"The service image has no licence text of {', '.join(lacking)}: its base left them out."] * bool(lacking)


def _interpreter(tree: Tree, python: interpreter.Interpreter, plan: Plan) -> None:
    tree.carry(python.program)
    for folder in python.library:
        without = prune_rules.of_library(files_below(folder), folder, plan) | plan.gone
        tree.carry_all(folder, partial(_is_wanted, without))


def _environment(tree: Tree, environment: Path, plan: Plan, whole: Collection[str]) -> None:
    """Lay a virtual environment: its Python, and of its packages what the plan leaves."""
    tree.carry(environment / "pyvenv.cfg")
    for python in sorted((environment / "bin").glob("python*")):
        tree.carry(python)
    without = plan.gone | prune_rules.of_packages(plan, whole)
    # Programs are for people; at level `off` a predictor may start one.
    for folder in ("lib", "share", "bin") if plan.level == OFF else ("lib", "share"):
        if (environment / folder).is_dir():
            tree.carry_all(environment / folder, partial(_is_wanted, without))


def _is_wanted(without: Collection[str], path: str) -> bool:
    return path not in without and not _is_bytecode(path)


def _is_bytecode(path: str) -> bool:
    """Return whether it is made anew of its source."""
    return "/__pycache__/" in path


def _app_root(tree: Tree, app: Workspace) -> None:
    """Lay the model, what the service's pages show of the build, and the repository without its history."""
    tree.carry_all(app.model)
    for name in (paths.REPORT, paths.NOTEBOOK_PAGE):
        if (app.build / name).exists():
            tree.carry(app.build / name)
    history = str(app.src / ".git") + "/"
    tree.carry_all(app.src, lambda path: not path.startswith(history) and not _is_bytecode(path))
    if (app.root / "secrets").is_dir():
        tree.carry(app.root / "secrets")
    tree.write(str(app.root / paths.ENVIRONMENT), image_env.text(os.environ))


def _doors(tree: Tree, place: Place) -> None:
    tree.write(DOOR, _DOOR.format(python=place.pythons[0]), 0o755)
    for door in DOORS:
        tree.link(door, DOOR)
    for there, path, module in STAND_INS:
        if not tree.holds(there):
            program = Path(str(module.__file__)).read_text(encoding="utf-8")
            tree.write(path, f"#!{place.pythons[0]} -IS\n{program}", 0o755)


def _compile(tree: Tree, plan: Plan, place: Place, both: Iterable[interpreter.Interpreter], date: int) -> None:
    """Compile all modules but the repository's own: those a user may mount anew."""
    convert = partial(bytecode.convert, tree, keep_sources=plan.level == OFF, docstrings=plan.level != FILES, date=date)
    done: set[str] = set()
    for python, installation, environment in zip(place.pythons, both, (place.service, place.app.venv), strict=True):
        folders = [str(environment / "lib"), *(folder for folder in installation.library if folder not in done)]
        convert(python, folders)
        done.update(installation.library)
    ours = Path(launch.HOME)
    convert(place.pythons[0], [str(ours / "nb_service")])
    # With their sources: these are run by two Pythons, which may differ.
    bytecode.convert(tree, place.pythons[0], [str(ours / "nb_scorer")], keep_sources=True, date=date)
