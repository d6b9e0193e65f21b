"""Saves a notebook's functions as a model folder: the last thing that its kernel does."""

import builtins
import errno
import hashlib
import io
import os
import posixpath
import re
import shutil
import sys
import time
import types

from nb_scorer.common import paths
from nb_scorer.kernel import (
    code_places,
    collect_baseline,
    collect_golden_rows,
    derive_batch_form,
    pickle_diagnosis,
    record_process_state,
    sample_files,
    sample_schema,
)
from nb_scorer.kernel.save_errors import Complaint
from nb_scorer.model import (
    binary,
    call_arguments,
    functions,
    golden_rows,
    json_codec,
    library_pickles,
    manifest,
    pydantic_models,
    runtime_paths,
    start_up,
)
from nb_scorer.model.load import form_of

NAMES = ("predictor", "validator", "batch_predictor")
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
DOC_LENGTH = 4000
NOT_SET_UP = (
    "setup is not called in the build (S2I_SETUP_IN_BUILD=0), so no golden rows are kept and no prediction is verified"
)
KNOWN_NOTHING = {
    "imported_validator": None,
    "src": None,
    "needs": (),
    "pandas_labels": True,
    "repository": None,
    "drift": True,
    "setup": True,
    "fits": (),
}


def save(namespace, folder, notebook, recorded, tolerance, complaint, known=KNOWN_NOTHING):
    """Write what `namespace` defines into `folder`, whole or not at all; print notes on golden rows and baseline.

    `notebook` is its path in the repository, `recorded` the calls that the recorder noted,
    `complaint` the file that gets the facts if the model can't be saved. Raises Complaint then.
    `known` is what the build knows from the syntax of the cells and its settings: `repository` is its folder, where a
    batch form of predictor should be derived, else None; `imported_validator` is True where an import binds validator,
    None where only running tells, and `src` the folder whose modules are the author's own; `needs` are (function,
    name, where) of the names that every call uses; `pandas_labels` is whether pandas' answers keep the labels of their
    index, `drift` whether a baseline is to be kept, and `fits` are the calls of fit that were noted. `setup` is whether
    the build calls the notebook's setup.
    """
    try:
        _save(namespace, str(folder), notebook, recorded, tolerance, known)
    except Complaint as error:
        error.write(str(complaint))
        raise
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        disk_full = Complaint("disk-full", folder=str(folder))
        disk_full.write(str(complaint))
        # Without the cause: its traceback would only show our own files.
        raise disk_full from None


def _save(namespace, folder, notebook, recorded, tolerance, known):
    # Not at the top: scorers, which load models, have no use for it.
    from nb_scorer.model import signatures

    definitions, import_notes = _without_import(namespace, known["imported_validator"], known["src"])
    called = _functions(definitions)
    callables = signatures.of(called, sample_files.known(called["predictor"], namespace.get("examples"), recorded))
    started, start_notes = start_up.of(namespace)
    made_by_setup = start_up.bound_globals(started["setup"]) if started["setup"] else []
    called.update(started)
    callables.update(started)
    staging = folder.rstrip("/") + ".new"
    shutil.rmtree(staging, ignore_errors=True)
    # Not mkdtemp: its folders are closed to the group, and a service may run as any user of group 0.
    os.makedirs(staging)
    try:
        state, lost = record_process_state.describe(namespace.get("In"))
        batching = _add_batch_form(callables, known["repository"])
        with start_up.left_out(namespace, made_by_setup):
            batching, of_pickle = _pickle_with_or_without_form(callables, called, batching, staging)
        # Called and asked only after pickling: the model is saved in the state that the notebook left it in.
        is_set_up = _set_up(started["setup"], made_by_setup, namespace, known["setup"])
        rows, notes = [], [NOT_SET_UP]
        if is_set_up:
            form = form_of(known["pandas_labels"])
            rows, notes = collect_golden_rows.collect(callables, namespace.get("examples"), recorded, tolerance, form)
            if not rows:
                _require_names(namespace, known["needs"])
            notes.extend(collect_golden_rows.check_explainer(callables, rows, form))
        golden_rows.write(staging, rows)
        model_manifest = _describe(called, notebook, rows, tolerance)
        model_manifest.update(files=signatures.described_files(callables["predictor"]))
        model_manifest.update(answer_file=_answers_files(called["predictor"], rows))
        model_manifest.update(of_pickle, pandas_labels=known["pandas_labels"], process_state=state)
        model_manifest.update(batching=batching, setup_in_build=is_set_up if started["setup"] else None)
        if _dies_of_a_thread_limit():
            model_manifest.update(thread_limit=False)
        if known["drift"] and is_set_up:
            drift, drift_notes = _save_baseline(callables, namespace, known, rows, staging)
            notes.extend(drift_notes)
            model_manifest.update(drift=drift)
        if batching and batching.get("source"):
            with io.open(os.path.join(staging, paths.BATCH_FORM), "w", encoding="utf-8") as file:
                file.write(batching.pop("source"))
        manifest.write(staging, model_manifest)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    if lost:
        notes.append("what the notebook did to its process is not in a service: " + "; ".join(lost))
    for note in import_notes + start_notes + notes:
        print("note: " + note)


def _answers_files(predictor, lines):
    """Return whether predictor's answers are files, as far as its type hint or golden rows say."""
    # Not at the top, as above.
    from nb_scorer.model.hints import bare, resolved

    hint = bare(resolved(predictor).get("return"))
    return binary.is_file_answer(hint, [json_codec.decode(line)["answer"] for line in lines])


def _pickle_with_or_without_form(callables, called, batching, folder):
    """Pickle `callables` into `folder`, without their batch form where only that can't be pickled.

    Return (batching, the manifest's fields for the pickle).
    """
    path = os.path.join(folder, paths.PICKLE)
    try:
        digest, size = _pickle(callables, called, path)
    except Complaint:
        if callables.pop("batch_form", None) is None:
            raise
        batching = {"reason": "its batch form can't be pickled"}
        digest, size = _pickle(callables, called, path)
    return batching, {"pickle_sha256": digest, "pickle_bytes": size}


def _save_baseline(callables, namespace, known, rows, folder):
    """Write the baseline, if there is one, into `folder`; return (its summary for the manifest, notes)."""
    golden = golden_rows.plain([json_codec.decode(line) for line in rows])
    form = form_of(known["pandas_labels"])
    baseline = collect_baseline.collect(callables, namespace, known["fits"], golden, form)
    if baseline.facts is not None:
        with io.open(os.path.join(folder, paths.BASELINE), "w", encoding="ascii") as file:
            file.write(collect_baseline.text_of(baseline.facts))
    return baseline.summary, baseline.notes


def _set_up(setup, made, namespace, is_wanted):
    """Call the notebook's `setup` unless a cell has done so; return whether what it makes is there.

    `made` are the globals that it binds. Raises Complaint where it fails.
    """
    if setup is None:
        return True
    if not is_wanted:
        return False
    if made and all(name in namespace for name in made):
        return True
    try:
        start_up.call(setup, collect_golden_rows.awaited)
    # It may raise anything, SystemExit included.
    except BaseException as error:
        raise collect_golden_rows.complaint_of_failure("setup-fails", error)
    return True


def _add_batch_form(callables, repository):
    """Derive predictor's batch form into `callables`; return what the manifest says of it, None where none is wanted.

    That is {"calls", "source"} of a form that is yet to be proved, or {"reason", "file", "line"}.
    """
    if repository is None or callables["batch_predictor"] is not None:
        return None
    form, reason = derive_batch_form.of(callables["predictor"], repository)
    if form is None:
        return {"reason": reason.reason, "file": reason.file, "line": reason.line}
    callables["batch_form"] = form
    return {"calls": form.stops, "source": form.source}


def _functions(namespace):
    """Return what is saved of `namespace`; raise Complaint for what is missing or can't be called."""
    if "predictor" not in namespace:
        raise Complaint("predictor-missing")
    called = {name: namespace.get(name) for name in NAMES}
    # Many notebooks have an object of that name, such as shap's.
    if isinstance(namespace.get("explainer"), types.FunctionType):
        called["explainer"] = namespace["explainer"]
    called["predictor"] = functions.as_predictor(called["predictor"])
    for name, function in called.items():
        if not callable(function) and (function is not None or name == "predictor"):
            raise Complaint("not-callable", name=name, kind=pickle_diagnosis.kind_of(function))
        if function is not None and not _takes_samples(name, function):
            raise Complaint("wrong-arguments", name=name, signature=functions.signature(function, name) or name)
    return called


def _takes_samples(name, function):
    """Return whether a function takes a sample: as its only argument, or an object by its keys as several."""
    takes = call_arguments.of(function)
    return takes.fits and not (name == "batch_predictor" and (takes.named or takes.by_keyword))


def _without_import(namespace, imported, src):
    """Return `namespace` without a validator that the notebook only imports from a package, and notes that say so.

    Where `imported` is None, one that the notebook's own code does not define counts as imported. A function of a
    module below `src`, the repository, is the author's own.
    """
    validator = namespace.get("validator")
    home = getattr(validator, "__module__", None) or getattr(validator, "__name__", None) or "__main__"
    if validator is None or imported is False or (imported is None and home == "__main__"):
        return namespace, []
    if src is not None and not isinstance(validator, types.ModuleType) and _is_below(home, src):
        return namespace, []
    note = "validator is imported (from {}) and not the notebook's own, so no sample is checked by it"
    note += "; to have it check them, add a cell: validator = validator"
    return {name: value for name, value in namespace.items() if name != "validator"}, [note.format(home)]


def _is_below(module, folder):
    """Return whether a module that was imported, given its name, is a file below a folder."""
    file = getattr(sys.modules.get(module), "__file__", None)
    top = os.path.join(os.path.realpath(folder), "")
    return file is not None and os.path.realpath(file).startswith(top)


def _dies_of_a_thread_limit():
    """Return whether the notebook uses xgboost before 1.5: it crashes if its nthread is above OMP_THREAD_LIMIT."""
    version = getattr(sys.modules.get("xgboost"), "__version__", "")
    found = re.match(r"(\d+)\.(\d+)", version)
    return bool(found) and (int(found.group(1)), int(found.group(2))) < (1, 5)


def _require_names(namespace, needs):
    """Raise Complaint if predictor or validator is sure to use a name that does not exist after the last cell."""
    for function, name, where in needs:
        if name not in namespace and not hasattr(builtins, name):
            hint = " It is not there after the last cell."
            raise Complaint("name-undefined", function=function, names="'{}'".format(name), where=where, hint=hint)


def _pickle(callables, called, path):
    """Write the pickle of `callables` to `path` and return (digest, size); raise Complaint where it can't be written.

    `called` are the same functions as the notebook defines them.
    """
    functions.let_caches_be_pickled()
    pydantic_models.let_version_1_be_pickled()
    library_pickles.let_models_be_pickled()
    record_process_state.let_loggers_be_pickled()
    with io.open(path, "wb") as file:
        output = _Hashed(file)
        try:
            code_places.dump(callables, output)
        # Objects of any library raise whatever they like when they can't be pickled.
        except Exception as error:
            if getattr(error, "errno", None) in NO_SPACE:
                raise
            raise _not_serializable([called, callables], error) from None
    return output.sha.hexdigest(), output.size


def _not_serializable(forms, error):
    called_names = (*NAMES, "explainer", *start_up.NAMES)
    for functions_by_name, name in [(functions_by_name, name) for functions_by_name in forms for name in called_names]:
        found = pickle_diagnosis.find_if_stuck(functions_by_name.get(name), name)
        if found:
            break
    else:
        name, found = "predictor", ("it can't be written together with validator or batch_predictor", None)
    text = collect_golden_rows.shown("{}: {}".format(type(error).__name__, error))
    return Complaint("not-serializable", name=name, culprit=found[0], of_global=found[1], error=text)


class _Hashed(object):
    """A file that also counts and digests what is written to it."""

    def __init__(self, file):
        self._file = file
        self.sha = hashlib.sha256()
        self.size = 0

    def write(self, data):
        """Write `data`, which may be any buffer, and return its length in bytes."""
        self.sha.update(data)
        written = self._file.write(data)
        self.size += written
        return written


def _describe(called, notebook, lines, tolerance):
    """Return the manifest of what was just pickled; `lines` are the golden rows."""
    # Not at the top, as above.
    from nb_scorer.model import hint_schema

    doc = functions.doc(called["predictor"])
    sample_hint, answer_hint = hint_schema.of(called["predictor"])
    folder = posixpath.dirname(notebook) or "."
    rows = [json_codec.decode(line) for line in lines]
    model_manifest = manifest.versions()
    model_manifest.update(runtime_paths.describe(folder))
    model_manifest.update(
        notebook=notebook,
        folder=folder,
        validator=called["validator"] is not None,
        batch_predictor=called["batch_predictor"] is not None,
        explainer=called.get("explainer") is not None,
        setup=called["setup"] is not None,
        teardown=called["teardown"] is not None,
        predictor_doc=doc[:DOC_LENGTH] if doc else None,
        predictor_signature=functions.signature(called["predictor"], "predictor"),
        sample_schema=sample_schema.of([row["sample"] for row in rows]),
        answer_schema=sample_schema.of([row["answer"] for row in rows]),
        parameters=hint_schema.of_parameters(called["predictor"]),
        takes_headers=call_arguments.of(called["predictor"]).takes_headers,
        sample_hint=sample_hint,
        answer_hint=answer_hint,
        golden=len(rows),
        golden_with_parameters=len(rows) - len(golden_rows.plain(rows)),
        tolerance=tolerance,
        built=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(_now())),
    )
    return model_manifest


def _now():
    """Return the seconds that the manifest dates the model with; SOURCE_DATE_EPOCH makes builds repeatable."""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
