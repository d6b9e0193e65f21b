"""Saves a notebook's functions as a model folder: the kernel's last step."""

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
    named_predictors,
    pickle_diagnosis,
    record_process_state,
    sample_files,
    sample_schema,
)
from nb_scorer.kernel.save_errors import Complaint
from nb_scorer.model import (
    binary,
    call_arguments,
    calls,
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
    "predictors": {},
}
# Manifest fields that each named predictor has, like predictor in a notebook without `predictors`.
NO_PREDICTOR = {
    "predictor": False,
    "validator": False,
    "batch_predictor": False,
    "streams": False,
    "explainer": False,
    "predictor_doc": None,
    "predictor_signature": None,
    "sample_schema": None,
    "answer_schema": None,
    "parameters": None,
    "takes_headers": False,
    "sample_hint": None,
    "answer_hint": None,
    "files": None,
    "answer_file": False,
    "batching": None,
}
ONLY_NAMED = "the notebook has predictors, and no predictor of which a baseline could be kept"


def save(namespace, folder, notebook, recorded, tolerance, complaint, known=KNOWN_NOTHING):
    """Write the model that `namespace` defines into `folder`, completely or not at all; print notes for the log.

    `notebook` is its path in the repository, `recorded` the calls that the recorder noted, `complaint` the file for the
    facts if the model can't be saved. Raises Complaint in that case. `known` are facts from the cells' syntax and the
    settings: `repository` is its folder if a batch form of predictor should be derived, otherwise None;
    `imported_validator` is True if an import binds validator, None if only running the code can decide, and `src` the
    folder whose modules are the author's own; `needs` are (function, name, where) of the names that every call uses;
    `pandas_labels` is whether results of pandas keep the labels of their index, `drift` whether to keep a baseline, and
    `fits` are the recorded calls of fit. `setup` is whether the build calls the notebook's setup. `predictors` are
    {name in `predictors`: name of the function}.
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
        # Without the cause, whose traceback would only show our own files.
        raise disk_full from None


def _save(namespace, folder, notebook, recorded, tolerance, known):
    found = _Found(namespace, recorded, known)
    called, named, callables = found.called, found.named, found.callables
    started, start_notes = start_up.find_functions(namespace)
    made_by_setup = start_up.bound_globals(started["setup"]) if started["setup"] else []
    called.update(started)
    callables.update(started)
    staging = folder.rstrip("/") + ".new"
    shutil.rmtree(staging, ignore_errors=True)
    # Not mkdtemp, whose folders are closed to the group: a service may run as any user of group 0.
    os.makedirs(staging)
    try:
        state, lost = record_process_state.describe(namespace.get("In"))
        each_of = _each(callables, called)
        batching = {name: _add_batch_form(each, known["repository"]) for name, each in each_of}
        with start_up.left_out(namespace, made_by_setup):
            of_pickle = _pickle_with_or_without_forms(callables, called, named, batching, staging)
        # Called only after pickling, so that the model is saved in the state in which the notebook left it.
        is_set_up = _set_up(started["setup"], made_by_setup, namespace, known["setup"])
        rows_of, notes = {}, [NOT_SET_UP]
        if is_set_up:
            form = form_of(known["pandas_labels"])
            rows_of, notes = _golden_rows(each_of, found, tolerance, form)
            if not any(rows_of.values()):
                _require_names(namespace, known["needs"])
            notes.extend(collect_golden_rows.check_explainer(callables, rows_of.get("", ()), form))
        rows = _in_turn(rows_of)
        golden_rows.write(staging, rows)
        model_manifest = _describe(called, notebook, tolerance)
        model_manifest.update(_describe_predictor(called, callables, rows_of.get("", ()), batching.get("")))
        model_manifest.update(of_pickle, pandas_labels=known["pandas_labels"], process_state=state)
        model_manifest.update(setup_in_build=is_set_up if started["setup"] else None)
        model_manifest.update(golden=len(rows), golden_with_parameters=_not_plain(rows))
        if _dies_of_a_thread_limit():
            model_manifest.update(thread_limit=False)
        if named:
            model_manifest["predictors"] = {
                name: _describe_predictor(
                    each, callables["predictors"][name], rows_of.get(name, ()), batching[name], name
                )
                for name, each in named.items()
            }
        if known["drift"] and is_set_up:
            drift, drift_notes = _save_baseline(callables, namespace, known, rows_of, staging)
            notes.extend(drift_notes)
            model_manifest.update(drift=drift)
        _write_forms(batching, staging)
        manifest.write(staging, model_manifest)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    if lost:
        notes.append("changes of the notebook to its process that a service does not have: " + "; ".join(lost))
    for note in found.notes + start_notes + notes:
        print("note: " + note)


class _Found(object):
    """What a notebook defines: the functions of predictor (`called`) and of named predictors (`named`), by name.

    `callables` are their callable forms; `examples` and `recorded` calls are by the predictor's name, which is "" for
    the default.
    """

    def __init__(self, namespace, recorded, known):
        definitions, self.notes = _without_import(namespace, known["imported_validator"], known["src"])
        self.named = named_predictors.find_predictors(definitions)
        self.called = _functions(definitions, self.named)
        has_default = self.called["predictor"] is not None
        self.examples = named_predictors.examples_of(namespace.get("examples"), self.named, has_default)
        names = dict(known["predictors"], **{"": "predictor"})
        self.recorded = {
            name: [call for call in recorded if call.function == names.get(name)] for name in ("", *self.named)
        }
        self.callables = self._asked("", self.called)
        self.callables["predictors"] = {name: self._asked(name, each) for name, each in self.named.items()}
        if not has_default:
            self.callables["predictor"] = calls.NoDefault(list(self.named))

    def _asked(self, name, called):
        """Return the callable forms of a predictor's functions; missing ones are None."""
        # Imported here, because scorers, which load models, don't need it.
        from nb_scorer.model import signatures

        predictor = called["predictor"]
        if predictor is None:
            return signatures.adapt_functions(called)
        return signatures.adapt_functions(
            called, sample_files.known(predictor, self.examples.get(name), self.recorded[name])
        )


def _golden_rows(each_of, found, tolerance, form):
    """Return ({name of a predictor: its golden rows}, notes); `each_of` are (name, callable functions)."""
    rows_of: dict = {}
    notes: list = []
    for name, each in each_of:
        rows_of[name], further = collect_golden_rows.collect(
            each, found.examples.get(name), found.recorded[name], tolerance, form, name
        )
        notes.extend("{}: {}".format(name, note) if name else note for note in further)
    return rows_of, notes


def _each(callables, called):
    """Return [(name, callable functions)] of all predictors; the default's name is ""."""
    default = [] if called["predictor"] is None else [("", callables)]
    return default + list(callables["predictors"].items())


def _in_turn(rows_of):
    """Return the golden rows of all predictors alternately, because a starting scorer tries only the first rows."""
    longest = max([len(rows) for rows in rows_of.values()] or [0])
    return [rows[index] for index in range(longest) for rows in rows_of.values() if index < len(rows)]


def _not_plain(lines):
    rows = [json_codec.decode(line) for line in lines]
    return len(rows) - len(golden_rows.plain(rows))


def _write_forms(batching, folder):
    """Write the sources of the batch forms, if any, into `folder`; remove them from `batching`."""
    sources = []
    for name, facts in batching.items():
        source = facts.pop("source", None) if facts else None
        if source:
            sources.append("# predictors[{!r}]\n{}".format(name, source) if name else source)
    if sources:
        with io.open(os.path.join(folder, paths.BATCH_FORM), "w", encoding="utf-8") as file:
            file.write("\n\n\n".join(sources))


def _answers_files(predictor, lines):
    """Return whether predictor returns files, according to its type hint or golden rows."""
    # Imported here for the same reason.
    from nb_scorer.model.hints import bare, resolved

    hint = bare(resolved(predictor).get("return"))
    return binary.is_file_answer(hint, [json_codec.decode(line)["answer"] for line in lines])


def _pickle_with_or_without_forms(callables, called, named, batching, folder):
    """Pickle `callables` into `folder`; if only their batch forms can't be pickled, without them.

    Return the manifest's fields for the pickle; in that case, `batching` contains the reason.
    """
    path = os.path.join(folder, paths.PICKLE)
    try:
        digest, size = _pickle(callables, called, named, path)
    except Complaint:
        dropped = [name for name, each in _each(callables, called) if each.pop("batch_form", None) is not None]
        if not dropped:
            raise
        batching.update((name, {"reason": "its batch form can't be pickled"}) for name in dropped)
        digest, size = _pickle(callables, called, named, path)
    return {"pickle_sha256": digest, "pickle_bytes": size}


def _save_baseline(callables, namespace, known, rows_of, folder):
    """Write the baseline, if any, into `folder`; return (its summary for the manifest, notes)."""
    if "" not in rows_of:
        return {"reason": ONLY_NAMED}, []
    golden = golden_rows.plain([json_codec.decode(line) for line in rows_of[""]])
    form = form_of(known["pandas_labels"])
    baseline = collect_baseline.collect(callables, namespace, known["fits"], golden, form)
    if baseline.facts is not None:
        with io.open(os.path.join(folder, paths.BASELINE), "w", encoding="ascii") as file:
            file.write(collect_baseline.text_of(baseline.facts))
    return baseline.summary, baseline.notes


def _set_up(setup, made, namespace, is_wanted):
    """Call the notebook's `setup` unless a cell has done so; return whether its results exist.

    `made` are the globals that it assigns. Raises Complaint if it fails.
    """
    if setup is None:
        return True
    if not is_wanted:
        return False
    if made and all(name in namespace for name in made):
        return True
    try:
        start_up.call(setup, collect_golden_rows.awaited)
    # It may raise anything, including SystemExit.
    except BaseException as error:
        raise collect_golden_rows.complaint_of_failure("setup-fails", error)
    return True


def _add_batch_form(callables, repository):
    """Add predictor's batch form to `callables`; return its facts for the manifest, None if it is disabled.

    These are {"calls", "source"} of a form to be verified, or {"reason", "file", "line"}.
    """
    if repository is None or callables["batch_predictor"] is not None:
        return None
    # Imported here, because scorers, which load models, don't need it.
    from nb_scorer.model import streams

    if streams.is_streaming(callables["predictor"]):
        return {"reason": "it yields its prediction item by item", "file": None, "line": None}
    form, reason = derive_batch_form.derive_form(callables["predictor"], repository)
    if form is None:
        return {"reason": reason.reason, "file": reason.file, "line": reason.line}
    callables["batch_form"] = form
    return {"calls": form.stops, "source": form.source}


def _functions(namespace, named):
    """Return the functions of `namespace` to save; raise Complaint if one is missing or can't be called.

    If there are `named` predictors, predictor may be None.
    """
    if "predictor" not in namespace and not named:
        raise Complaint("predictor-missing")
    called = {name: namespace.get(name) for name in NAMES}
    if named and called["predictor"] is None:
        return called
    # Many notebooks use this name for an object, for example of shap.
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
    """Return whether a function takes a sample: as its only argument, or an object's keys as several."""
    takes = call_arguments.inspect_arguments(function)
    return takes.fits and not (name == "batch_predictor" and (takes.named or takes.by_keyword))


def _without_import(namespace, imported, src):
    """Return `namespace` without a validator that is only imported from a package, and notes about that.

    If `imported` is None, one that the notebook's own code doesn't define counts as imported. Functions of modules
    below `src`, the repository, are the author's own.
    """
    validator = namespace.get("validator")
    home = getattr(validator, "__module__", None) or getattr(validator, "__name__", None) or "__main__"
    if validator is None or imported is False or (imported is None and home == "__main__"):
        return namespace, []
    if src is not None and not isinstance(validator, types.ModuleType) and _is_below(home, src):
        return namespace, []
    note = "validator is imported (from {}) and not the notebook's own, so it does not check samples"
    note += "; to use it, add a cell: validator = validator"
    return {name: value for name, value in namespace.items() if name != "validator"}, [note.format(home)]


def _is_below(module, folder):
    """Return whether the file of an imported module is below a folder."""
    file = getattr(sys.modules.get(module), "__file__", None)
    top = os.path.join(os.path.realpath(folder), "")
    return file is not None and os.path.realpath(file).startswith(top)


def _dies_of_a_thread_limit():
    """Return whether the notebook uses xgboost before 1.5, which crashes if its nthread exceeds OMP_THREAD_LIMIT."""
    version = getattr(sys.modules.get("xgboost"), "__version__", "")
    found = re.match(r"(\d+)\.(\d+)", version)
    return bool(found) and (int(found.group(1)), int(found.group(2))) < (1, 5)


def _require_names(namespace, needs):
    """Raise Complaint if predictor or validator always uses a name that does not exist after the last cell."""
    for function, name, where in needs:
        if name not in namespace and not hasattr(builtins, name):
            hint = " It does not exist after the last cell."
            raise Complaint("name-undefined", function=function, names="'{}'".format(name), where=where, hint=hint)


def _pickle(callables, called, named, path):
    """Write the pickle of `callables` to `path` and return (digest, size); raise Complaint if it can't be written.

    `called`, and `named` by the names of further predictors, are the same functions as the notebook defines them.
    """
    functions.let_caches_be_pickled()
    pydantic_models.let_version_1_be_pickled()
    library_pickles.let_models_be_pickled()
    record_process_state.let_loggers_be_pickled()
    with io.open(path, "wb") as file:
        output = _Hashed(file)
        try:
            code_places.dump(callables, output)
        # Objects of any library may raise anything when they can't be pickled.
        except Exception as error:
            if getattr(error, "errno", None) in NO_SPACE:
                raise
            by_label = {
                "{}[{!r}]".format("predictors" if kind == "predictor" else kind + "s", name): function
                for name, each in named.items()
                for kind, function in each.items()
            }
            raise _not_serializable([called, callables, by_label], error) from None
    return output.sha.hexdigest(), output.size


def _not_serializable(forms, error):
    called_names = (*NAMES, "explainer", *start_up.NAMES, *forms[-1])
    for functions_by_name, name in [(functions_by_name, name) for functions_by_name in forms for name in called_names]:
        found = pickle_diagnosis.find_if_stuck(functions_by_name.get(name), name)
        if found:
            break
    else:
        name, found = "predictor", ("it can't be written together with validator or batch_predictor", None)
    text = collect_golden_rows.shown("{}: {}".format(type(error).__name__, error))
    return Complaint("not-serializable", name=name, culprit=found[0], of_global=found[1], error=text)


class _Hashed(object):
    """A file that counts and hashes the bytes written to it."""

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


def _describe(called, notebook, tolerance):
    """Return the manifest of the pickled model, without the fields of each predictor."""
    folder = posixpath.dirname(notebook) or "."
    model_manifest = manifest.versions()
    model_manifest.update(runtime_paths.describe(folder))
    model_manifest.update(
        notebook=notebook,
        folder=folder,
        setup=called["setup"] is not None,
        teardown=called["teardown"] is not None,
        tolerance=tolerance,
        built=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(_now())),
    )
    return model_manifest


def _describe_predictor(called, callables, lines, batching, name=""):
    """Return the manifest fields of one predictor; `lines` are its golden rows, `name` that in `predictors`.

    `called` are its functions as the notebook defines them, `callables` their callable forms.
    """
    if called["predictor"] is None:
        return dict(NO_PREDICTOR)
    # Imported here for the same reason.
    from nb_scorer.model import hint_schema, signatures, streams

    doc = functions.doc(called["predictor"])
    sample_hint, answer_hint = hint_schema.derive_schemas(called["predictor"])
    rows = [json_codec.decode(line) for line in lines]
    return {
        "predictor": True,
        "validator": called["validator"] is not None,
        "batch_predictor": called["batch_predictor"] is not None,
        "streams": streams.is_streaming(called["predictor"]),
        "explainer": called.get("explainer") is not None,
        "predictor_doc": doc[:DOC_LENGTH] if doc else None,
        "predictor_signature": functions.signature(called["predictor"], name or "predictor"),
        "sample_schema": sample_schema.infer([row["sample"] for row in rows]),
        "answer_schema": sample_schema.infer([row["answer"] for row in rows]),
        "parameters": hint_schema.of_parameters(called["predictor"]),
        "takes_headers": call_arguments.inspect_arguments(called["predictor"]).takes_headers,
        "sample_hint": sample_hint,
        "answer_hint": answer_hint,
        "golden": len(rows),
        "golden_with_parameters": sum(bool(row.get("parameters")) for row in rows),
        "files": signatures.described_files(callables["predictor"]),
        "answer_file": _answers_files(called["predictor"], lines),
        "batching": batching,
        # Only the default predictor's samples are compared with a baseline.
        **({"drift": None} if name else {}),
    }


def _now():
    """Return the model's date in the manifest, in seconds; SOURCE_DATE_EPOCH makes builds reproducible."""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
