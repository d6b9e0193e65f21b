"""The table of contents of a build: from the repository to a verified model, one line a room."""

import os
from collections.abc import Mapping, Sequence
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
    labels,
    notebook,
    overlay,
    provenance,
    pythons,
    requirements,
    reuse,
    source,
    verify,
)
from nb_builder.artifacts import Earlier
from nb_builder.cells import Cell
from nb_builder.installer import Installer
from nb_builder.log import Log
from nb_builder.pythons import Python
from nb_builder.report import Report, write_executed
from nb_builder.requirements import Wanted
from nb_builder.reuse import Ingredients, take_model
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
    report.facts.update(reuse.circumstances(checked.python))
    report.facts.update(provenance.of(checked.repository, settings.commit, settings.source))
    build = Build(settings, log, report, place, environ, checked)
    with place.fresh(), report.kept_in(place.build):
        source.bring(checked.repository, place.src)
        earlier = artifacts.find(settings.src, report.facts, log)
        with report.step("requirements", "Reading the requirements"):
            wanted = read_requirements(build)
        with report.step("install", f"Installing {len(wanted)} requirements into the notebook's own environment"):
            installer = install(build, wanted, earlier)
        with report.step("run", f"Running the cells of {checked.name}"):
            make_model(build, installer, earlier)
        with report.step("verify", "Verifying the model in a fresh process"):
            verify.run(place.root, home=settings.home, settings=settings, log=log)
        report.facts.update(labels.write(place, settings.src))
    artifacts.remove(settings.src)
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


def install(build: Build, wanted: Wanted, earlier: Earlier | None) -> Installer:
    """Make the venv and install what is wanted; return the installer, which knows what is there."""
    python, place = build.notebook.python, build.place
    if earlier:
        earlier.move_venv(place)
    else:
        environment.make(place.venv, python)
    installer = Installer(place.venv, python.minor, build.settings.installer, build.environ, build.log)
    installer.install(wanted, place.build / layout.LOCK, earlier)
    packages = installer.freeze().splitlines()
    build.log.line("     " + ", ".join(packages))
    build.report.facts["packages"] = packages
    build.report.facts["asked"] = wanted.fingerprint
    return installer


def make_model(build: Build, installer: Installer, earlier: Earlier | None) -> None:
    """Write script two and run it cell by cell, or take over the model that it made before."""
    checked, place = build.notebook, build.place
    facts = {
        "folder": str(place.model),
        "src": str(place.src),
        "reads": str(place.build / layout.READS),
        "notebook": str(checked.name),
        "tolerance": build.settings.tolerance,
        "complaint": str(place.build / layout.COMPLAINT),
    }
    script = scripts.model_script(checked.node, checked.name, facts)
    (place.build / layout.MODEL_SCRIPT).write_text(script.text, encoding="utf-8")
    made_of = Ingredients(place, [checked.name], python=checked.python.full)
    if earlier and build.settings.reuse_model:
        differing = made_of.same_as(earlier)
        if not differing:
            build.report.facts.update(take_model(earlier, place, build.log))
            return
        build.log.note(f"the model of the build before is not taken over: {differing}.")
    run_cells(build, installer, script.cells)
    build.report.facts.update(made_of.facts())


def run_cells(build: Build, installer: Installer, cells: Sequence[Cell]) -> None:
    """Run script two's cells in a kernel of the venv; the last one leaves the model folder."""
    checked, place = build.notebook, build.place
    with overlay.ready(checked.python, installer, home=build.settings.home, environ=build.environ) as kernel_code:
        results = execute.run(
            cells,
            python=installer.python,
            notebook=str(checked.name),
            notebook_folder=build.folder,
            overlay=kernel_code,
            environ=build.environ,
            cell_timeout=build.settings.cell_timeout,
            kernel_log=place.build / layout.KERNEL_LOG,
            complaint_file=place.build / layout.COMPLAINT,
            log=build.log,
        )
    write_executed(checked.node, results, place.build / layout.EXECUTED)
