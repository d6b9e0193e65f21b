"""Builds the slim image's file system: copies files from the service image to the tree, some of them converted."""

import os
from collections.abc import Collection, Iterable
from functools import partial
from pathlib import Path

from nb_scorer.common import paths
from nb_scorer.model import manifest
from nb_scorer.protocol import launch
from nb_service.export import contents

from nb_builder.common import installed
from nb_builder.common.slim_levels import FILES, OFF, SHELL
from nb_builder.common.workspace import Workspace
from nb_builder.problems.slim_images import SlimPythonDiffers
from nb_builder.slim.attest import licences, sbom
from nb_builder.slim.elf import headers, shared_objects
from nb_builder.slim.plan import prune_rules
from nb_builder.slim.plan.planner import Plan
from nb_builder.slim.rootfs import bytecode, dist_info, image_env, interpreter, shell_base, system_files
from nb_builder.slim.rootfs.layout import Layout
from nb_builder.slim.rootfs.stand_ins import ldconfig, lscpu
from nb_builder.slim.tree import Tree, files_below

# The front's packages for verifying signatures, which make up half of a small image.
VERIFYING = frozenset(("cffi", "cryptography", "pycparser"))
# The service's commands, as Python: the image has no other script interpreter.
ENTRY_POINT = "/usr/libexec/s2i/run"
COMMANDS = tuple(f"/usr/local/bin/{name}" for name in ("run", "serve", "ready", "selftest", "batch", "verify"))
# (a tool that libraries start, the path of its stand-in, the stand-in's module). lscpu's is in /usr/local/bin, where no
# Debian package has files; ctypes calls /sbin/ldconfig by its full path.
STAND_INS = (
    ("/usr/bin/lscpu", "/usr/local/bin/lscpu", lscpu),
    ("/sbin/ldconfig", os.path.realpath("/sbin") + "/ldconfig", ldconfig),
)
_ENTRY_SCRIPT = """\
#!{python} -Iu
import os, sys
from nb_service.__main__ import main
name = os.path.basename(sys.argv[0])
command = [] if name in ("run", "serve") else [name]
sys.exit(main(command + sys.argv[1:], dict(os.environ)))
"""


def interpreters(layout: Layout) -> tuple[interpreter.Interpreter, interpreter.Interpreter]:
    """Return the front's Python and the model's; raise SlimPythonDiffers if one is missing or has another version."""
    front, model = (interpreter.describe(python) for python in layout.pythons)
    expected = manifest.read(layout.app.model).get("python")
    if front is None:
        raise SlimPythonDiffers(python=layout.pythons[0], found="none that runs", wanted="3.10 or later")
    if model is None or model.minor != expected:
        raise SlimPythonDiffers(
            python=layout.pythons[1], found=model.minor if model else "none that runs", wanted=expected
        )
    return front, model


def everything(tree: Tree, plan: Plan, layout: Layout, unpruned: Collection[str] = ()) -> None:
    """Copy everything that the plan keeps, with modules still as sources: later steps may remove some.

    Distributions named in `unpruned` keep their tests and headers, too.
    """
    for python in interpreters(layout):
        _interpreter(tree, python, plan)
    for environment, needless in ((layout.service, _needless(layout)), (layout.app.venv, frozenset())):
        _environment(tree, environment, plan, unpruned, needless)
    ours = Path(launch.HOME)
    for package in ("nb_scorer", "nb_service"):
        tree.carry_all(ours / package, lambda path: not _is_bytecode(path))
    _app_root(tree, layout.app)
    system_files.lay(tree, layout.certificates)
    if layout.base == SHELL:
        shell_base.lay(tree)
    _entry_points(tree, layout)


def finish(tree: Tree, plan: Plan, layout: Layout, date: int) -> list[str]:
    """Add system libraries, bytecode, licences and the SBOM to the tree, and seal it with `date`.

    Returns notes for the user, as sentences.
    """
    front, model = interpreters(layout)
    shared_objects.lay(tree, plan, headers.interpreter(front.program))
    if plan.level != OFF:
        shared_objects.make_smaller(tree, (layout.service, layout.app.venv))
    _compile(tree, plan, layout, (front, model), date)
    for environment in (layout.service, layout.app.venv):
        if plan.level == FILES:
            dist_info.shorten(tree, str(environment))
        dist_info.correct(tree, str(environment))
    without_notice = licences.lay(tree)
    sbom.lay(tree, layout, (front, model), date)
    # predictor may write to its working folder, as in the service image; code and model are read-only.
    tree.seal(date, (str(layout.app.src), system_files.TEMPORARY))
    if not without_notice:
        return []
    return [f"The service image has no licence text of {', '.join(without_notice)}: its base image left them out."]


def _interpreter(tree: Tree, python: interpreter.Interpreter, plan: Plan) -> None:
    tree.carry(python.program)
    for folder in python.library:
        excluded = prune_rules.of_library(files_below(folder), folder, plan) | plan.gone
        tree.carry_all(folder, partial(_is_wanted, excluded))


def _needless(layout: Layout) -> frozenset[str]:
    """Return the files of the front's signature packages if the model has no signature to verify."""
    if (layout.app.model / paths.SIGNATURE).is_file():
        return frozenset()
    verifying = (each for each in installed.installed(layout.service) if each.name in VERIFYING)
    return frozenset(file for each in verifying for file in each.files)


def _environment(
    tree: Tree, environment: Path, plan: Plan, unpruned: Collection[str], needless: Collection[str]
) -> None:
    """Copy a virtual environment: its Python, and the packages that the plan keeps, without `needless` files."""
    tree.carry(environment / "pyvenv.cfg")
    for python in sorted((environment / "bin").glob("python*")):
        tree.carry(python)
    excluded = plan.gone | prune_rules.of_packages(plan, unpruned) | {*needless}
    # Programs in bin are for people; only level `off` supports a predictor that starts one.
    for folder in ("lib", "share", "bin") if plan.level == OFF else ("lib", "share"):
        if (environment / folder).is_dir():
            tree.carry_all(environment / folder, partial(_is_wanted, excluded))


def _is_wanted(excluded: Collection[str], path: str) -> bool:
    return path not in excluded and not _is_bytecode(path)


def _is_bytecode(path: str) -> bool:
    """Return whether `path` is cached bytecode, which is recompiled from its source."""
    return "/__pycache__/" in path


def _app_root(tree: Tree, app: Workspace) -> None:
    """Copy the model, the parts of the build that the service exposes, and the repository without its history."""
    tree.carry_all(app.model)
    for name in (paths.REPORT, paths.NOTEBOOK_PAGE, paths.FROM_REPOSITORY, *contents.OF_BUILD):
        if (app.build / name).exists():
            tree.carry(app.build / name)
    history = str(app.src / ".git") + "/"
    tree.carry_all(app.src, lambda path: not path.startswith(history) and not _is_bytecode(path))
    if (app.root / "secrets").is_dir():
        tree.carry(app.root / "secrets")
    tree.write(str(app.root / paths.ENVIRONMENT), image_env.text(os.environ))


def _entry_points(tree: Tree, layout: Layout) -> None:
    tree.write(ENTRY_POINT, _ENTRY_SCRIPT.format(python=layout.pythons[0]), 0o755)
    for command in COMMANDS:
        tree.link(command, ENTRY_POINT)
    for tool, path, module in STAND_INS:
        if not tree.holds(tool):
            program = Path(str(module.__file__)).read_text(encoding="utf-8")
            tree.write(path, f"#!{layout.pythons[0]} -IS\n{program}", 0o755)


def _compile(
    tree: Tree, plan: Plan, layout: Layout, installations: Iterable[interpreter.Interpreter], date: int
) -> None:
    """Compile all modules except the repository's own, which users may replace with a mount."""
    convert = partial(bytecode.convert, tree, keep_sources=plan.level == OFF, docstrings=plan.level != FILES, date=date)
    compiled: set[str] = set()
    for python, installation, environment in zip(
        layout.pythons, installations, (layout.service, layout.app.venv), strict=True
    ):
        folders = [str(environment / "lib"), *(folder for folder in installation.library if folder not in compiled)]
        convert(python, folders)
        compiled.update(installation.library)
    ours = Path(launch.HOME)
    convert(layout.pythons[0], [str(ours / "nb_service")])
    # With its sources, because two Pythons import it, and bytecode would fit only one version.
    bytecode.convert(tree, layout.pythons[0], [str(ours / "nb_scorer")], keep_sources=True, date=date)
