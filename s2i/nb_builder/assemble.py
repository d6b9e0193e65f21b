"""The table of contents of a build: from the repository to a verified model, one line a room."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nb_scorer import layout
from nbformat import NotebookNode

from nb_builder import (
    artifacts,
    certificates,
    contract,
    environment,
    execute,
    imports,
    notebook,
    overlay,
    pythons,
    requirements,
    source,
    verify,
)
from nb_builder.installer import Installer
from nb_builder.log import Log
from nb_builder.pythons import Python
from nb_builder.report import Report, write_executed
from nb_builder.requirements import Wanted
from nb_builder.rewrite import scripts
from nb_builder.settings import Settings
from nb_builder.workspace import Workspace


@dataclass(frozen=True)
class Checked:
    """A notebook that has passed every check that needs no cell to run, and its interpreter."""

    repository: Path
    name: Path
    node: NotebookNode
    python: Python


@dataclass(frozen=True)
class Build:
    """What every step of one build needs to know."""

    settings: Settings
    log: Log
    report: Report
    place: Workspace
    environ: Mapping[str, str]
    notebook: Checked

    @property
    def folder(self) -> Path:
        """Return the notebook's folder: the working directory of its code, now and in the service."""
        return (self.place.src / self.notebook.name).parent


def assemble(settings: Settings, log: Log) -> None:
    """Turn the repository into src, build, venv and model under APP_ROOT; raise the problem that stops it."""
    report = Report(log)
    place = Workspace(settings.app_root)
    environ = certificates.trusting(settings.ca_bundle, os.environ)
    with report.step("check", "Checking the notebook"):
        checked = check(settings, place, log)
    build = Build(settings, log, report, place, environ, checked)
    with place.fresh(), report.kept_in(place.build):
        source.bring(checked.repository, place.src)
        with report.step("requirements", "Reading the requirements"):
            wanted = read_requirements(build)
        with report.step("install", f"Installing {len(wanted)} requirements into the notebook's own environment"):
            installer = install(build, wanted)
        with report.step("run", f"Running the cells of {checked.name}"):
            run_cells(build, installer)
        with report.step("verify", "Verifying the model in a fresh process"):
            verify.run(place.root, home=settings.home, settings=settings, log=log)
    place.open_to_group()
    log.step(f"Done: the model is in {place.model}")


def check(settings: Settings, place: Workspace, log: Log) -> Checked:
    """Find, read and judge the notebook, and choose its Python; nothing is written."""
    repository = source.locate(settings.src, place.src)
    name = source.find_notebook(repository, settings.source_notebook)
    node = notebook.read(repository, name)
    python = pythons.choose(settings.python, notebook.wanted_python(node), log)
    log.line(f"     {name}, with Python {python.minor}")
    contract.check(scripts.author_cells(node), name, python.path)
    return Checked(repository, name, node, python)


def read_requirements(build: Build) -> Wanted:
    """Write and run script one; return all that cell and repository ask for."""
    checked, place = build.notebook, build.place
    script = scripts.requirements_script(checked.node, checked.name)
    path = place.build / layout.REQUIREMENTS_SCRIPT
    path.write_text(script.text, encoding="utf-8")
    wanted = requirements.collect(path, checked.python.path, build.folder, place.src, checked.name)
    if not wanted.declared:
        imports.require_declared(scripts.author_cells(checked.node), build.folder, place.src, checked.name)
    return wanted


def install(build: Build, wanted: Wanted) -> Installer:
    """Make the venv and install what is wanted; return the installer, which knows what is there."""
    python, place = build.notebook.python, build.place
    environment.make(place.venv, python)
    installer = Installer(place.venv, python.minor, build.settings.installer, build.environ, build.log)
    installer.install(wanted, place.build / layout.LOCK)
    freeze = installer.freeze()
    build.log.line("     " + ", ".join(freeze.splitlines()))
    before = artifacts.take(build.settings.src)
    if before is not None:
        build.log.line("     " + artifacts.changes(before, freeze.splitlines()))
    return installer


def run_cells(build: Build, installer: Installer) -> None:
    """Write script two and run it cell by cell; the last cell leaves the model folder."""
    checked, place = build.notebook, build.place
    complaint = place.build / layout.COMPLAINT
    facts = {
        "folder": str(place.model),
        "notebook": str(checked.name),
        "tolerance": build.settings.tolerance,
        "complaint": str(complaint),
    }
    script = scripts.model_script(checked.node, checked.name, facts)
    (place.build / layout.MODEL_SCRIPT).write_text(script.text, encoding="utf-8")
    with overlay.ready(checked.python, installer, home=build.settings.home, environ=build.environ) as kernel_code:
        results = execute.run(
            script.cells,
            python=installer.python,
            notebook=str(checked.name),
            notebook_folder=build.folder,
            overlay=kernel_code,
            environ=build.environ,
            cell_timeout=build.settings.cell_timeout,
            kernel_log=place.build / layout.KERNEL_LOG,
            complaint_file=complaint,
            log=build.log,
        )
    write_executed(checked.node, results, place.build / layout.EXECUTED)
