"""The table of contents of a build: from the repository to a verified model, one line a room."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nb_scorer.common import paths
from nb_scorer.model import manifest

from nb_builder import verify
from nb_builder.analysis import contract, defined_later, undefined_names
from nb_builder.common import ca_bundle, digests
from nb_builder.common.cell import Cell
from nb_builder.common.log import Log
from nb_builder.common.resolve_date import AsOf
from nb_builder.common.settings import Settings
from nb_builder.common.workspace import Workspace
from nb_builder.execute import cell_errors, error_causes, file_guard, kernel_overlay, package_drift, pip_shim, runner
from nb_builder.execute.file_guard import Files
from nb_builder.execute.kernel import Launch
from nb_builder.incremental import artifacts, model_reuse
from nb_builder.incremental.artifacts import Earlier
from nb_builder.incremental.model_reuse import Ingredients, take_model
from nb_builder.install import gpu_advice, system_packages, venv
from nb_builder.install.installer import Installer
from nb_builder.preflight import checks, findings, unmet_imports
from nb_builder.preflight.checks import Checked, Notebook
from nb_builder.problems.base import BuildProblem
from nb_builder.problems.cells import CellFailed
from nb_builder.report import image_labels, missing_proof, notebook_html, provenance
from nb_builder.report.build_report import Report, write_executed
from nb_builder.repository import source_tree
from nb_builder.requirements.collect import Wanted, counted
from nb_builder.rewrite import scripts
from nb_builder.rewrite.scripts import Script


@dataclass(frozen=True)
class Build:
    """What every step of one build needs to know."""

    settings: Settings
    log: Log
    report: Report
    place: Workspace
    environ: Mapping[str, str]
    checked: Checked


def assemble(settings: Settings, log: Log) -> None:
    """Turn the repository into src, build, venv and model under APP_ROOT; raise the problem that stops it."""
    build = begin(settings, log)
    checked, place, report = build.checked, build.place, build.report
    with place.fresh(), report.kept_in(place.build):
        source_tree.bring(checked.repository, place.src)
        earlier = artifacts.find(settings.src, report.facts, log)
        if checked.system:
            with report.step("system", "Looking for packages of the system"):
                allowed = {"may_install": settings.apt, "in_image": settings.in_image}
                report.facts["system_packages"] = system_packages.provide(checked.system, log, **allowed)
        with report.step("requirements", "Reading the requirements"):
            wanted = checks.read_requirements(checked, place.src, place.build, log, allowed=settings.allow_indexes)
        if wanted is None:
            raise RuntimeError("the requirements were neither read nor refused")
        with report.step("install", f"Installing {counted(len(wanted))} into the notebook's own environment"):
            installer = install(build, wanted, earlier)
        with file_guard.files(place, log) as files:
            with report.step("run", f"Running the cells of {', '.join(str(each.name) for each in checked.notebooks)}"):
                make_model(build, installer, earlier, files)
            if settings.require_proof:
                missing_proof.require(manifest.read(place.model))
            with report.step("verify", "Verifying the model in a fresh process"):
                files.keep()
                verify.run(
                    place.root,
                    home=settings.home,
                    settings=settings,
                    log=log,
                    explain=partial(missing_outside, checked, place),
                )
        report.facts.update(image_labels.write(place, settings.src))
    artifacts.remove(settings.src)
    place.open_to_group()
    log.step(f"Done: the model is in {place.model}")
    missing_proof.warn(manifest.read(place.model), log)


def begin(settings: Settings, log: Log) -> Build:
    """Check the notebook and note what the build is made of; nothing is written."""
    report = Report(log, repeatable=settings.source_date_epoch is not None)
    place = Workspace(settings.app_root)
    environ = ca_bundle.trusting(settings.ca_bundle, os.environ)
    if report.repeatable:
        # The order of sets goes into pickles.
        environ.setdefault("PYTHONHASHSEED", "0")
    with report.step("check", "Checking the notebook"):
        checked = findings.require_none(settings, place.src, log)
    report.facts.update(model_reuse.circumstances(checked.python))
    report.facts.update(provenance.of(checked.repository, settings.commit, settings.source))
    names = [str(each.name) for each in checked.notebooks]
    report.facts["notebooks"] = digests.digests(checked.repository, names)
    return Build(settings, log, report, place, environ, checked)


def install(build: Build, wanted: Wanted, earlier: Earlier | None) -> Installer:
    """Make the venv and install what is wanted; return the installer, which knows what is there."""
    checked, place = build.checked, build.place
    python = checked.python
    if earlier:
        earlier.unpack_venv(place)
    else:
        venv.make(place.venv, python)
    if checked.as_of and not wanted.lock:
        build.log.line(f"     resolved to the packages that there were on {checked.as_of.day} ({checked.as_of.source})")
    environ = wanted.asked.options.applied(build.environ)
    installer = Installer(place.venv, python.minor, build.settings.installer, environ, build.log, checked.as_of)
    installer.install(wanted, place.build / paths.LOCK, earlier.installed if earlier else None)
    packages = installer.freeze().splitlines()
    build.log.line("     " + ", ".join(packages))
    gpu_advice.tell(installer, build.log)
    build.report.facts["packages"] = packages
    build.report.facts["lock_sha256"] = digests.digest(place.build / paths.LOCK)
    build.report.facts["asked"] = installer.asked(wanted)
    build.report.facts["resolved"] = resolution(wanted, checked.as_of)
    return installer


def resolution(wanted: Wanted, as_of: AsOf | None) -> dict[str, object]:
    """Return, for the report, to which date requirements were resolved, by what, and which of them are not pinned."""
    if wanted.lock:
        return {"lock": wanted.lock.name, "as_of": None}
    named_by = {"by": as_of.source} if as_of else {}
    return {"as_of": as_of.stamp if as_of else None, **named_by, "pinned": wanted.pinned, "unpinned": wanted.unpinned}


def make_model(build: Build, installer: Installer, earlier: Earlier | None, files: Files) -> None:
    """Write script two and run it cell by cell, or take over the model that it made before."""
    checked, place = build.checked, build.place
    written = [write_script(build, each) for each in checked.notebooks]
    made_of = Ingredients(place, [each.name for each in checked.notebooks], python=checked.python.full)
    if earlier and build.settings.reuse_model:
        differing = made_of.same_as(earlier)
        if not differing:
            build.report.facts.update(take_model(earlier, place, build.log))
            return
        build.log.note(f"the model of the build before is not taken over: {differing}.")
    ready = kernel_overlay.ready(checked.python, installer, home=build.settings.home, environ=build.environ)
    with ready as kernel_code, pip_shim.offered(installer) as pip:
        unmet_imports.require_met(checked.notebooks, place.src, installer.python, kernel_code, build.environ, build.log)
        for each, script in zip(checked.notebooks, written, strict=True):
            if len(written) > 1:
                build.log.line(f"     {each.name}:")
            run_cells(build, each, script.cells, files, python=installer.python, overlay=kernel_code, pip=pip)
    files.put_back()
    tell_what_pip_brought(build, installer)
    build.report.facts.update(made_of.facts())


def tell_what_pip_brought(build: Build, installer: Installer) -> None:
    """Keep in the report, and say, which packages the notebook's cells have installed themselves."""
    declared = build.report.facts["packages"]
    packages = installer.freeze().splitlines()
    added = pip_shim.brought(declared, packages)
    pip_shim.tell(pip_shim.to_declare(added, declared, build.place.venv), build.log)
    build.report.facts.update(packages=packages, brought_by_pip=added)


def missing_outside(checked: Checked, place: Workspace, traceback: str, failed: str) -> BuildProblem | None:
    """Return what is missing outside of the notebook where a model fails with `traceback` in a fresh process."""
    cells = checked.last.cells
    pointers = (
        error_causes.named_in((cell.source for cell in cells), error_causes.pointers(place.src)) if traceback else []
    )
    return cell_errors.of_predictor(
        traceback, cells, notebook=str(checked.name), repository=place.src, pointers=pointers, asked=failed
    )


def write_script(build: Build, each: Notebook) -> Script:
    """Write script two of a notebook into build/ and return it; only the last notebook's saves a model."""
    place = build.place
    facts = {
        "folder": str(place.model),
        "src": str(place.src),
        "reads": str(place.build / paths.READS),
        "notebook": str(each.name),
        "tolerance": build.settings.tolerance,
        "complaint": str(place.build / paths.COMPLAINT),
        "known": {
            "imported_validator": contract.imported("validator", each.cells),
            "needs": undefined_names.needs(each.cells, each.name),
            "pandas_labels": build.settings.pandas_labels,
        },
    }
    script = scripts.model_script(each.node, each.name, None if each.prefix else facts)
    (place.build / (each.prefix + paths.MODEL_SCRIPT)).write_text(script.text, encoding="utf-8")
    return script


def run_cells(
    build: Build, each: Notebook, cells: Sequence[Cell], files: Files, *, python: Path, overlay: Path, pip: Path | None
) -> None:
    """Run script two's cells in a fresh kernel of the venv; the last notebook's last one leaves the model folder."""
    place, settings = build.place, build.settings
    launch = Launch(
        python=python,
        notebook_folder=each.folder(place.src),
        overlay=overlay,
        environ=build.environ,
        log_file=place.build / (each.prefix + paths.KERNEL_LOG),
        pip=pip,
        strict=settings.strict_commands,
    )
    results: list[runner.CellResult] = []
    try:
        runner.run(
            cells,
            launch,
            notebook=str(each.name),
            limits=runner.Limits(settings.cell_timeout, settings.notebook_timeout),
            complaint_file=place.build / paths.COMPLAINT,
            results=results,
            log=build.log,
            # Our own last cell asks predictor; of several notebooks, only the last one has such a cell.
            before_last=files.keep if cells and cells[-1].ours else lambda: None,
        )
    except CellFailed as failed:
        later = defined_later.explain(failed, cells)
        raise later or package_drift.explain(failed, build.report.facts["resolved"], build.checked.changed) from None
    finally:
        # Also when a cell fails: what went before it is most of what its author needs to see.
        write_executed(each.node, results, place.build / (each.prefix + paths.EXECUTED))
    notebook_html.write(each.node, str(each.name), place.build / (each.prefix + paths.NOTEBOOK_PAGE), build.log)
