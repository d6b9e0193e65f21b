"""The model folder: what is written, what is refused, and that nothing half-made is left."""

import errno
import json
import subprocess
import sys
import types

import pytest
from nb_scorer.common import paths
from nb_scorer.kernel import save_model
from nb_scorer.kernel.save_errors import Complaint
from nb_scorer.model import load, manifest
from nb_scorer.model.problems import ModelDamaged, ModelFormatUnknown, ModelLoadFailed, ModelMissing, ModelPythonDiffers


def notebook(source):
    """Return the namespace that a notebook with this one cell leaves behind."""
    namespace = {"__name__": "__main__"}
    exec(source, namespace)
    return namespace


def save(tmp_path, source, recorded=(), imported_validator=False, needs=(), src=None):
    save_model.save(
        notebook(source),
        folder=str(tmp_path / "model"),
        notebook="sub/model.ipynb",
        recorded=list(recorded),
        tolerance=1e-6,
        complaint=str(tmp_path / "complaint.json"),
        known=dict(save_model.KNOWN_NOTHING, imported_validator=imported_validator, needs=needs, src=src),
    )
    return tmp_path / "model"


def complained(tmp_path, source):
    """Return code and facts of the complaint that saving leaves, after checking that it leaves nothing else."""
    with pytest.raises(Complaint) as caught:
        save(tmp_path, source)
    assert [path.name for path in tmp_path.iterdir()] == ["complaint.json"]
    complaint = json.loads((tmp_path / "complaint.json").read_text())
    assert str(caught.value) == complaint["code"]
    return complaint["code"], complaint["facts"]


PREDICTOR = "import math\nfactor = 3\ndef predictor(x):\n    'Triples the root.'\n    return math.sqrt(x) * factor\n"


def test_what_was_saved_answers_after_loading(tmp_path):
    loaded = load.load(save(tmp_path, PREDICTOR))
    assert loaded.predictor(4) == 6.0
    assert loaded.validator is None
    assert loaded.batch_predictor is None


def test_another_process_of_the_same_python_answers_alike(tmp_path):
    folder = save(tmp_path, PREDICTOR + "def validator(x):\n    return x >= 0\n")
    code = "import sys; from nb_scorer.model.load import load; m = load(sys.argv[1]); "
    code += "print(m.predictor(4), m.validator(-1))"
    answer = subprocess.check_output([sys.executable, "-c", code, str(folder)])
    assert answer == b"6.0 False\n"


def test_the_manifest_says_what_was_built_and_by_which_versions(tmp_path):
    saved = manifest.read(save(tmp_path, PREDICTOR + "examples = [1, 4]\n"))
    assert saved["format"] == 2
    assert saved["python"] == "{}.{}".format(*sys.version_info)
    assert saved["notebook"] == "sub/model.ipynb"
    assert saved["folder"] == "sub"
    assert saved["predictor_doc"] == "Triples the root."
    assert saved["golden"] == 2
    assert saved["validator"] is False
    assert saved["pickle_sha256"] == load.digest_of(str(tmp_path / "model" / paths.PICKLE))
    assert saved["pickle_bytes"] == (tmp_path / "model" / paths.PICKLE).stat().st_size


@pytest.mark.parametrize(("version", "is_limited"), [("0.90", False), ("1.4.2", False), ("1.5.0", True), ("3.2", True)])
def test_old_releases_of_xgboost_die_of_a_limit_of_threads(tmp_path, monkeypatch, version, is_limited):
    monkeypatch.setitem(sys.modules, "xgboost", types.SimpleNamespace(__version__=version))
    saved = manifest.read(save(tmp_path, PREDICTOR))
    assert saved.get("thread_limit", True) is is_limited


def test_a_notebook_at_the_top_of_the_repository_has_a_dot_for_its_folder(tmp_path):
    save_model.save(notebook(PREDICTOR), str(tmp_path / "m"), "model.ipynb", [], 1e-6, str(tmp_path / "c"))
    assert load.folder_of_notebook(tmp_path / "m") == "."


def test_the_date_is_the_one_that_makes_builds_repeatable(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert manifest.read(save(tmp_path, PREDICTOR))["built"] == "1970-01-02T00:00:00Z"


def test_a_model_is_saved_in_the_state_that_the_notebook_left_it_in(tmp_path):
    source = "calls = []\ndef predictor(x):\n    calls.append(x)\n    return len(calls)\nexamples = [1, 1, 2]\n"
    assert load.load(save(tmp_path, source)).predictor(5) == 1


def test_the_group_may_read_what_was_saved(tmp_path):
    folder = save(tmp_path, PREDICTOR)
    assert folder.stat().st_mode & 0o050 == 0o050
    assert all(path.stat().st_mode & 0o040 for path in folder.iterdir())


def test_an_older_model_is_replaced(tmp_path):
    save(tmp_path, PREDICTOR)
    (tmp_path / "model" / "stale").write_text("")
    assert load.load(save(tmp_path, "def predictor(x):\n    return 'new'\n")).predictor(0) == "new"
    assert not (tmp_path / "model" / "stale").exists()


def test_a_notebook_without_predictor_is_reported(tmp_path):
    assert complained(tmp_path, "x = 1") == ("predictor-missing", {})


@pytest.mark.parametrize(
    ("source", "name", "kind"),
    [
        ("predictor = 7", "predictor", "an int"),
        ("predictor = None", "predictor", "a NoneType"),
        (PREDICTOR + "validator = [1]", "validator", "a list"),
        (PREDICTOR + "batch_predictor = 'x'", "batch_predictor", "a str"),
    ],
)
def test_what_can_not_be_called_is_reported_by_name_and_kind(tmp_path, source, name, kind):
    assert complained(tmp_path, source) == ("not-callable", {"name": name, "kind": kind})


def test_what_can_not_be_pickled_is_reported_with_the_culprit(tmp_path):
    code, facts = complained(
        tmp_path, "import threading\nlock = threading.Lock()\ndef predictor(x):\n    return lock\n"
    )
    assert code == "not-serializable"
    assert facts["name"] == "predictor"
    assert facts["culprit"] == "predictor uses the global 'lock', a _thread.lock"
    assert facts["error"].startswith("TypeError: ")


def test_the_validator_may_be_what_can_not_be_pickled(tmp_path):
    source = PREDICTOR + "import threading\nlock = threading.Lock()\ndef validator(x):\n    return lock.acquire()\n"
    assert complained(tmp_path, source)[1]["name"] == "validator"


def test_an_example_that_gets_no_answer_is_reported_with_its_traceback(tmp_path):
    code, facts = complained(tmp_path, PREDICTOR + "examples = [1, -4]\n")
    assert code == "example-fails"
    assert (facts["number"], facts["sample"]) == (2, "-4")
    assert facts["error"].startswith("ValueError: ")
    assert "math.sqrt" in facts["detail"] or "predictor" in facts["detail"]


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_nothing_of_the_model(tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "write", full)
    assert complained(tmp_path, PREDICTOR) == ("disk-full", {"folder": str(tmp_path / "model")})


def test_a_full_disk_keeps_the_older_model(tmp_path, monkeypatch):
    save(tmp_path, PREDICTOR)
    monkeypatch.setattr(save_model.code_places, "dump", full)
    with pytest.raises(Complaint, match="disk-full"):
        save(tmp_path, PREDICTOR)
    assert load.load(tmp_path / "model").predictor(4) == 6.0


# --- Loading ---


def test_without_a_model_the_missing_file_is_named(tmp_path):
    with pytest.raises(ModelMissing, match=paths.MANIFEST):
        load.load(tmp_path)


def test_a_model_without_its_pickle_is_missing(tmp_path):
    (save(tmp_path, PREDICTOR) / paths.PICKLE).unlink()
    with pytest.raises(ModelMissing, match=paths.PICKLE):
        load.load(tmp_path / "model")


@pytest.mark.parametrize("text", ['{"format": 3}', '{"format": true}', "[]", "half a fi"])
def test_another_format_is_rejected(tmp_path, text):
    (tmp_path / paths.MANIFEST).write_text(text)
    with pytest.raises(ModelFormatUnknown, match="this service reads formats 1 and 2"):
        load.load(tmp_path)


@pytest.mark.parametrize(("field", "words"), [("python", "Python 2.7"), ("cloudpickle", "cloudpickle 2.7")])
def test_another_version_is_rejected_before_anything_is_unpickled(tmp_path, field, words):
    folder = save(tmp_path, PREDICTOR)
    manifest.update(folder, **{field: "2.7"})
    (folder / paths.PICKLE).write_bytes(b"would crash")
    with pytest.raises(ModelPythonDiffers, match=words):
        load.load(folder)


def test_a_changed_pickle_is_rejected_before_it_is_unpickled(tmp_path):
    folder = save(tmp_path, PREDICTOR)
    trap = b"cos\n_exit\n(I3\ntR."
    (folder / paths.PICKLE).write_bytes(trap)
    with pytest.raises(ModelDamaged, match=paths.PICKLE):
        load.load(folder)


def test_an_error_while_loading_is_reported_and_its_cause_kept(tmp_path):
    folder = save(tmp_path, PREDICTOR)
    (folder / paths.PICKLE).write_bytes(b"cno_such_module_at_all\nx\n.")
    manifest.update(folder, pickle_sha256=load.digest_of(str(folder / paths.PICKLE)))
    with pytest.raises(ModelLoadFailed, match="No module named 'no_such_module_at_all'") as caught:
        load.load(folder)
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    assert caught.value.code == "model-load-failed"


def test_fields_that_verification_adds_stay(tmp_path):
    folder = save(tmp_path, PREDICTOR)
    manifest.update(folder, deterministic=True, scorer_start="fork")
    assert load.load(folder).manifest["scorer_start"] == "fork"
    assert manifest.read(folder)["predictor_doc"] == "Triples the root."


VALIDATED = "def predictor(x): return x\nfrom os.path import isfile as validator"


@pytest.mark.parametrize("imported", [True, None])
def test_a_validator_that_is_only_imported_is_passed_over_with_a_note(tmp_path, capsys, imported):
    folder = save(tmp_path, VALIDATED, imported_validator=imported)
    assert manifest.read(folder)["validator"] is False
    assert "note: validator is imported (from genericpath)" in capsys.readouterr().out


@pytest.mark.parametrize("imported", [True, None])
def test_a_validator_of_a_module_of_the_repository_is_the_author_s(tmp_path, capsys, monkeypatch, imported):
    repository = tmp_path / "src"
    repository.mkdir()
    (repository / "our_checks.py").write_text("def validator(x):\n    return x > 0\n")
    monkeypatch.syspath_prepend(str(repository))
    monkeypatch.delitem(sys.modules, "our_checks", raising=False)
    source = "def predictor(x): return x\nfrom our_checks import validator"
    folder = save(tmp_path, source, imported_validator=imported, src=str(repository))
    assert manifest.read(folder)["validator"] is True
    assert capsys.readouterr().out == ""
    source = "def predictor(x): return x\nimport our_checks as validator"
    folder = save(tmp_path, source, imported_validator=True, src=str(repository))
    assert manifest.read(folder)["validator"] is False


def test_a_module_of_that_name_is_no_validator_either(tmp_path, capsys):
    folder = save(tmp_path, "def predictor(x): return x\nimport json as validator", imported_validator=True)
    assert manifest.read(folder)["validator"] is False
    assert "note: validator is imported (from json)" in capsys.readouterr().out


def test_an_import_that_the_notebook_assigns_is_its_validator(tmp_path, capsys):
    folder = save(tmp_path, VALIDATED, imported_validator=False)
    assert manifest.read(folder)["validator"] is True
    assert capsys.readouterr().out == ""


def test_a_validator_that_only_running_shows_is_known_by_its_module(tmp_path):
    folder = save(tmp_path, "def predictor(x): return x\nexec('def validator(x): return 1')", imported_validator=None)
    assert manifest.read(folder)["validator"] is True


NEEDS = [("predictor", "weight", "Cell [1] of model.ipynb (cell 1 of the file), line 2")]


def test_a_name_that_is_gone_is_a_complaint_where_nothing_is_proved(tmp_path):
    with pytest.raises(Complaint) as caught:
        save(tmp_path, "def predictor(x): return weight", needs=NEEDS)
    assert (caught.value.code, caught.value.facts["names"]) == ("name-undefined", "'weight'")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    "source", ["weight = 1\ndef predictor(x): return x", "def predictor(x): return x\nexamples=[1]"]
)
def test_a_name_that_is_there_or_is_not_needed_after_all_is_none(tmp_path, source):
    assert (save(tmp_path, source, needs=NEEDS) / paths.PICKLE).exists()


def test_a_complaint_about_one_of_several_predictors_names_it(tmp_path):
    source = "def half(x):\n    return x / 2\npredictors = {'a': half, 'b': half}\nexamples = {'b': ['text']}\n"
    code, facts = complained(tmp_path, source)
    assert (code, facts["predictor"], facts["number"]) == ("example-fails", "b", 1)
