"""Runs the steps of a build in order, from the repository to a verified model, with one log line per step."""

import io
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from nb_scorer.common import paths, phrases
from nb_scorer.common.settings_table import misspelt
from nb_scorer.model import manifest
from nb_service.settings import KNOBS as SERVICE_KNOBS

from nb_builder import verify, weights
from nb_builder.analysis import defined_later, notebook_contract, undefined_names
from nb_builder.common import ca_bundle, digests
from nb_builder.common.build_facts import Circumstances, Inputs, Installed, MadeOf, Origin, Resolution
from nb_builder.common.cell import Cell
from nb_builder.common.log import Log
from nb_builder.common.resolve_date import AsOf
from nb_builder.common.settings import KNOBS, Settings
from nb_builder.common.workspace import Workspace
from nb_builder.execute import (
    cell_errors,
    dated_bytecode,
    error_causes,
    file_guard,
    kernel_overlay,
    package_drift,
    pip_shim,
    runner,
)
from nb_builder.execute.file_guard import Files
from nb_builder.execute.kernel import Launch
from nb_builder.incremental import artifacts, model_reuse
from nb_builder.incremental.artifacts import PreviousBuild
from nb_builder.incremental.model_reuse import Ingredients, take_model
from nb_builder.install import gpu_advice, python_by_packages, python_downloads, system_packages, venv
from nb_builder.install.installer import Installer
from nb_builder.install.interpreters import Python
from nb_builder.preflight import checks, declaring, findings, unmet_imports
from nb_builder.preflight.checks import Checked, Notebook
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.problems.cells import CellFailed
from nb_builder.problems.packages import InstallFailed, RequirementsConflict, VersionMissing, WheelMissing
from nb_builder.problems.signing import SignKeyUnusable
from nb_builder.report import image_labels, missing_proof, notebook_html, provenance, sbom
from nb_builder.report.build_report import Report, write_executed
from nb_builder.repository import source_tree
from nb_builder.requirements.collect import Wanted, add, counted
from nb_builder.rewrite import scripts
from nb_builder.rewrite.scripts import Script
from nb_builder.signing import attestation
from nb_builder.signing import model as signed_model
from nb_builder.signing.signer import KEY, Signer

# The minor version of the first Python whose new environments lack setuptools.
NO_SETUPTOOLS_FROM = 12
# Maximum number of uncommitted files to list; there could be thousands.
FILES_SHOWN = 5


@dataclass(frozen=True)
class DevAdditions:
    """Additions of `nb-builder dev` to a build: the previous successful APP_ROOT, and callbacks.

    `on_installed` gets the installer and its Python before a cell runs, so that users can try failing cells in Jupyter.
    `later` gets functions that don't affect the model, which are called once the model is served.
    """

    app_root: Path | None
    on_installed: Callable[[Installer, Python], None]
    later: Callable[[Callable[[], None]], None]


@dataclass(frozen=True)
class Build:
    """The state that every step of a build needs."""

    settings: Settings
    log: Log
    report: Report
    workspace: Workspace
    environ: Mapping[str, str]
    checked: Checked
    circumstances: Circumstances
    origin: Origin
    signer: Signer | None
    dev: DevAdditions | None = None


@dataclass(frozen=True)
class Environment:
    """The notebook's own environment: the requirements, their installer, and the installed packages."""

    requirements: Wanted
    installer: Installer
    installed: Installed

    def resolves_alike(self, moment: AsOf) -> bool:
        """Return whether the requirements resolve to the same packages as of another date."""
        return self.installer.resolves_alike(self.requirements, moment)


def assemble(settings: Settings, log: Log, dev: DevAdditions | None = None) -> None:
    """Create src, build, venv and model under APP_ROOT from the repository; raise the problem that stops the build.

    With `dev`, reuse the previous build in another APP_ROOT instead of s2i's artifacts.
    """
    build = begin(settings, log, dev)
    checked, workspace, report = build.checked, build.workspace, build.report
    left_out = source_tree.special_files(checked.repository)
    if left_out:
        log.note(f"special files can't be copied and are left out: {phrases.listed(left_out, FILES_SHOWN)}")
    with workspace.fresh(), report.kept_in(workspace.build):
        source_tree.copy_to(checked.repository, workspace.src)
        previous = find_previous(build)
        if checked.system:
            with report.step("system", "Looking for system packages"):
                permissions = {"may_install": settings.apt, "in_image": settings.in_image}
                report.facts["system_packages"] = system_packages.provide(checked.system, log, **permissions)
        with report.step("requirements", "Reading the requirements"):
            requirements = checks.read_requirements(
                checked, workspace.src, workspace.build, log, allowed=settings.allow_indexes
            )
        if requirements is None:
            raise RuntimeError("the requirements were neither read nor rejected")
        with report.step("install", f"Installing {counted(len(requirements))} into the notebook's own environment"):
            build, environment = install_with_some_python(build, requirements, previous)
            checked = build.checked
            if dev:
                dev.on_installed(environment.installer, checked.python)
        with weights_of(build) as fetched:
            with file_guard.files(workspace, log) as files, declaring.placed(checked, environment.requirements):
                with report.step(
                    "run", f"Running the cells of {', '.join(str(notebook.name) for notebook in checked.notebooks)}"
                ):
                    installed, inputs = make_model(build, environment, previous, files)
                if settings.require_proof:
                    missing_proof.require(manifest.read(workspace.model))
                with report.step("verify", "Verifying the model in a fresh process"):
                    files.keep()
                    model = verify.run(
                        workspace.root,
                        home=settings.home,
                        settings=settings,
                        log=log,
                        explain=partial(missing_outside, checked, workspace),
                        cells=checked.last.cells,
                    )
            if fetched:
                fetched.leave(workspace)
        leave_batch_form(workspace)
        report.facts.update(batching=model.get("batching"), drift=model.get("drift"))
        report.facts.update(image_labels.write(workspace, model, settings.src))
        locked = fetched.lock.entries if fetched else ()
        attest(build, MadeOf(build.circumstances, build.origin, installed, inputs, locked))
    python_downloads.keep_only(checked.python.path, workspace.root, build.environ)
    if settings.source_date_epoch is not None:
        dated_bytecode.date(workspace.root, settings.source_date_epoch)
    artifacts.remove(settings.src)
    workspace.open_to_group()
    log.step(f"Done: the model is in {workspace.model}")
    missing_proof.warn(model, log)


@contextmanager
def weights_of(build: Build) -> Iterator[weights.Fetched | None]:
    """Provide the notebook's weights in the working copy during the block; yield them, or None."""
    entries = weights.declared(build.checked)
    if not entries:
        yield None
        return
    with ExitStack() as until_verified:
        with build.report.step("weights", "Fetching the weights"):
            fetching = weights.fetched(entries, build.workspace, build.settings, build.environ, build.log)
            fetched = until_verified.enter_context(fetching)
        yield fetched


def find_previous(build: Build) -> PreviousBuild | None:
    """Return the reusable parts of the previous build, if it fits this one."""
    circumstances, log, dev = build.circumstances, build.log, build.dev
    if dev is None:
        return artifacts.find(build.settings.src, circumstances, log)
    return artifacts.find_served(dev.app_root, circumstances, log) if dev.app_root else None


def attest(build: Build, made_of: MadeOf) -> None:
    """Sign the model, if there is a key, and write its provenance."""
    signer, workspace = build.signer, build.workspace
    if signer is not None:
        with build.report.step("sign", f"Signing the model with {signer.name}"):
            build.report.facts["signed"] = {"by": signer.hint, "model": signed_model.sign(workspace.model, signer)}
    sbom.write(workspace)
    attestation.write(workspace, made_of, build.settings, signer)


def leave_batch_form(workspace: Workspace) -> None:
    """Write predictor's batch form to build/, if the model has one."""
    form = workspace.model / paths.BATCH_FORM
    if form.is_file():
        shutil.copyfile(form, workspace.build / paths.BATCH_FORM)


def begin(settings: Settings, log: Log, dev: DevAdditions | None = None) -> Build:
    """Check the notebook and record the build's inputs in the report; no file is written."""
    report = Report(log, repeatable=settings.source_date_epoch is not None)
    workspace = Workspace(settings.app_root)
    # Before minutes of building, so that an unusable key is reported immediately.
    signer = signer_of(settings)
    environ = ca_bundle.trusting(settings.ca_bundle, os.environ)
    if report.repeatable:
        # Sets are pickled in iteration order, which for strings depends on the hash seed.
        environ.setdefault("PYTHONHASHSEED", "0")
    with report.step("check", "Checking the notebook"):
        note_misspelt_settings(log)
        artifacts.restore_pythons(settings.src, workspace.root)
        checked = findings.require_none(settings, workspace.src, log, environ)
    circumstances = model_reuse.circumstances(checked.python)
    report.add(circumstances)
    uncommitted = provenance.uncommitted(checked.repository, settings.commit)
    if uncommitted:
        log.note(f"the build includes uncommitted changes: {phrases.listed(uncommitted, FILES_SHOWN)}")
    names = [str(notebook.name) for notebook in checked.notebooks]
    origin = Origin(
        notebooks=digests.digests(checked.repository, names),
        uncommitted=tuple(uncommitted[:FILES_SHOWN]) or None,
        **provenance.read(checked.repository, settings.commit, settings.source),
    )
    report.add(origin)
    return Build(settings, log, report, workspace, environ, checked, circumstances, origin, signer, dev)


def note_misspelt_settings(log: Log) -> None:
    """Log variables that look like misspelt settings of a build or a service."""
    names = {knob.env for knob in (*KNOBS, *SERVICE_KNOBS)}
    for variable, name in misspelt(os.environ, names):
        hint = f"Did you mean {name}?" if name else "'nb-builder settings' lists all settings."
        log.note(f"{variable} is not a setting. {hint}")


def signer_of(settings: Settings) -> Signer | None:
    """Return the signer of the model, or None; raise SignKeyUnusable, also for a key that would end up in the image.

    Files in the repository are copied to APP_ROOT, which becomes a layer of the image.
    """
    path = settings.sign_key_file
    if path is None:
        return None
    for folder, name in ((settings.src, "the repository"), (settings.app_root, "APP_ROOT")):
        if path.resolve().is_relative_to(folder.resolve()):
            raise SignKeyUnusable(setting=KEY, path=path, reason=f"it is in {name}, which stays in the image")
    return Signer(path, settings.sign_certificate_file)


def install_with_some_python(
    build: Build, requirements: Wanted, previous: PreviousBuild | None
) -> tuple[Build, Environment]:
    """Install `requirements`, with another Python if only that has their wheels and the notebook allows it.

    Returns the build and the environment of the Python that is used in the end.
    """
    checked = build.checked
    try:
        return build, install(build, requirements, previous)
    except (InstallFailed, RequirementsConflict, VersionMissing, WheelMissing) as problem:
        python = python_with_wheels(build, requirements, problem)
        if python is None:
            if checked.python_note:
                problem.why += f" The Python version may be the cause: {checked.python_note}"
            raise
    build.log.note(
        f"the packages have no wheels for Python {checked.python.minor}; the build uses Python {python.minor} instead, "
        "for which all of them have wheels. S2I_PYTHON chooses another one."
    )
    circumstances = model_reuse.circumstances(python)
    build.report.add(circumstances)
    changed = replace(build, checked=replace(checked, python=python, other_pythons=()), circumstances=circumstances)
    # Requirements may be computed, even from Python's version. Their notes have been printed already.
    read = checks.read_requirements(
        changed.checked,
        changed.workspace.src,
        changed.workspace.build,
        Log(io.StringIO()),
        allowed=build.settings.allow_indexes,
    )
    return changed, install(changed, read or requirements, None)


def python_with_wheels(build: Build, requirements: Wanted, problem: BuildProblem) -> Python | None:
    """Return another Python for which the index has the packages' wheels; None if `problem` has another cause."""
    others = build.checked.other_pythons
    if not others or not python_by_packages.may_depend_on_python(problem):
        return None
    installer, downloads = installer_for(build, requirements), build.settings.python_downloads
    return python_by_packages.choose(installer, requirements, others, build.log, build.environ, downloads)


def installer_for(build: Build, requirements: Wanted) -> Installer:
    """Return the installer for the venv, with the pip options in `requirements`."""
    checked = build.checked
    environ = requirements.asked.options.applied(build.environ)
    choice = build.settings.installer
    return Installer(build.workspace.venv, checked.python.minor, choice, environ, build.log, checked.as_of)


def install(build: Build, requirements: Wanted, previous: PreviousBuild | None) -> Environment:
    """Create the venv and install `requirements`."""
    checked, workspace = build.checked, build.workspace
    python = checked.python
    if previous:
        previous.unpack_venv(workspace)
    else:
        venv.make(workspace.venv, python)
    if checked.as_of and not requirements.lock:
        build.log.detail(f"resolved to the packages available on {checked.as_of.day} ({checked.as_of.source})")
        if python.number < NO_SETUPTOOLS_FROM:
            add(requirements, "setuptools", "environments of that time included it")
    installer = installer_for(build, requirements)
    installer.install(requirements, workspace.build / paths.LOCK, previous.installed if previous else None)
    packages = installer.freeze().splitlines()
    build.log.detail(", ".join(packages))
    gpu_advice.log_advice(installer, build.log)
    installed = Installed(
        packages=packages,
        as_locked=True,
        lock_sha256=digests.digest(workspace.build / paths.LOCK),
        asked=installer.fingerprint(requirements),
        resolved=resolution(requirements, checked.as_of),
    )
    build.report.add(installed)
    return Environment(requirements, installer, installed)


def resolution(requirements: Wanted, as_of: AsOf | None) -> Resolution:
    """Return the date that requirements were resolved to, its source, and which are not pinned."""
    if requirements.lock:
        return Resolution(lock=requirements.lock.name)
    stamp, source = (as_of.stamp, as_of.source) if as_of else (None, None)
    return Resolution(None, stamp, source, tuple(requirements.pinned), tuple(requirements.unpinned))


def make_model(
    build: Build, environment: Environment, previous: PreviousBuild | None, files: Files
) -> tuple[Installed, Inputs]:
    """Write script two and run it cell by cell, or reuse the model of the previous build.

    Returns the packages that are installed afterwards, because cells may install some, and the model's inputs.
    """
    checked, workspace, installer = build.checked, build.workspace, environment.installer
    model_scripts = [write_script(build, notebook) for notebook in checked.notebooks]
    ingredients = Ingredients(workspace, [notebook.name for notebook in checked.notebooks], python=checked.python.full)
    if previous and build.settings.reuse_model:
        difference = ingredients.difference_from(previous)
        if not difference:
            inputs = take_model(previous, workspace, build.log)
            build.report.add(inputs)
            return environment.installed, inputs
        build.log.note(f"the model of the previous build can't be reused: {difference}.", is_routine=True)
    overlay_ready = kernel_overlay.ready(checked.python, installer, home=build.settings.home, environ=build.environ)
    with overlay_ready as overlay, pip_shim.offered(installer) as pip:
        unmet_imports.require_met(checked.notebooks, workspace.src, installer.python, overlay, build.environ, build.log)
        for notebook, script in zip(checked.notebooks, model_scripts, strict=True):
            if len(model_scripts) > 1:
                build.log.detail(f"{notebook.name}:")
            with failure_explained(build, environment, script.cells):
                run_cells(build, notebook, script.cells, files, python=installer.python, overlay=overlay, pip=pip)
    files.put_back()
    installed = packages_after_cells(build, environment)
    build.report.add(installed)
    inputs = ingredients.used(files.states_at_keep)
    build.report.add(inputs)
    return installed, inputs


@contextmanager
def failure_explained(build: Build, environment: Environment, cells: Sequence[Cell]) -> Iterator[None]:
    """If a cell fails, raise the problem that caused it: a name that is defined below, or a package that changed."""
    try:
        yield
    except CellFailed as failure:
        resolved, changed = environment.installed.resolved, build.checked.changed
        defined_below = defined_later.explain(failure, cells)
        raise defined_below or package_drift.explain(failure, resolved, changed, environment.resolves_alike) from None


def packages_after_cells(build: Build, environment: Environment) -> Installed:
    """Return the packages installed after the notebook's cells have run, and log those that cells have installed."""
    declared = environment.installed.packages
    packages = environment.installer.freeze().splitlines()
    added = pip_shim.newly_installed(declared, packages)
    pip_shim.note_undeclared(pip_shim.to_declare(added, declared, build.workspace.venv), declared, build.log)
    as_locked = packages == declared
    return replace(environment.installed, packages=packages, added_by_cells=added, as_locked=as_locked)


def missing_outside(checked: Checked, workspace: Workspace, traceback: str, description: str) -> BuildProblem | None:
    """Return the problem if the model fails in a fresh process because something outside the notebook is missing.

    `traceback` is that of the failure ("" for none), `description` a line that describes the failure.
    """
    cells = checked.last.cells
    pointers = (
        error_causes.named_in((cell.source for cell in cells), error_causes.pointers(workspace.src))
        if traceback
        else []
    )
    return cell_errors.of_predictor(
        traceback, cells, notebook=str(checked.name), repository=workspace.src, pointers=pointers, headline=description
    )


def write_script(build: Build, notebook: Notebook) -> Script:
    """Write script two of a notebook, and its cells, to build/; only the last notebook's script saves a model."""
    workspace = build.workspace
    facts = {
        "folder": str(workspace.model),
        "src": str(workspace.src),
        "reads": str(workspace.build / paths.READS),
        "notebook": str(notebook.name),
        "tolerance": build.settings.tolerance,
        "complaint": str(workspace.build / paths.COMPLAINT),
        "known": {
            "imported_validator": notebook_contract.imported("validator", notebook.cells),
            "src": str(workspace.src),
            "needs": undefined_names.needs(notebook.cells, notebook.name),
            "pandas_labels": build.settings.pandas_labels,
            "repository": str(build.workspace.src) if build.settings.batching == "auto" else None,
            "drift": build.settings.drift == "auto",
            "setup": build.settings.setup_in_build,
            "predictors": notebook_contract.named_predictors(notebook.cells),
        },
    }
    script = scripts.model_script(notebook.node, notebook.name, None if notebook.prefix else facts)
    (workspace.build / (notebook.prefix + paths.MODEL_SCRIPT)).write_text(script.text, encoding="utf-8")
    cells = [{"number": cell.number, "source": cell.source} for cell in script.cells if not cell.ours]
    (workspace.build / (notebook.prefix + paths.CELLS)).write_text(json.dumps(cells), encoding="utf-8")
    return script


def run_cells(
    build: Build,
    notebook: Notebook,
    cells: Sequence[Cell],
    files: Files,
    *,
    python: Path,
    overlay: Path,
    pip: Path | None,
) -> None:
    """Run script two's cells in a fresh kernel of the venv; the last cell of the last notebook saves the model."""
    workspace, settings = build.workspace, build.settings
    launch = Launch(
        python=python,
        notebook_folder=notebook.folder(workspace.src),
        overlay=overlay,
        environ=build.environ,
        log_file=workspace.build / (notebook.prefix + paths.KERNEL_LOG),
        pip=pip,
        strict=settings.strict_commands,
    )
    results: list[runner.CellResult] = []
    try:
        runner.run(
            cells,
            launch,
            notebook=str(notebook.name),
            limits=runner.Limits(settings.cell_timeout, settings.notebook_timeout),
            complaint_file=workspace.build / paths.COMPLAINT,
            results=results,
            log=build.log,
            # Script two's last cell calls predictor; of several notebooks, only the last one has such a cell.
            before_last=files.keep if cells and cells[-1].ours else lambda: None,
        )
    finally:
        # This runs after a failure, too, because the outputs of the cells before it help the author most.
        write_executed(notebook.node, results, workspace.build / (notebook.prefix + paths.EXECUTED))
    page = workspace.build / (notebook.prefix + paths.NOTEBOOK_PAGE)
    write_page = partial(notebook_html.write, notebook.node, str(notebook.name), page, build.log)
    build.dev.later(write_page) if build.dev else write_page()
