"""The content of build/report.json, after success and failure."""

import hashlib
import json

from cases import named
from flow import stage


def report(app_root):
    return json.loads((app_root / "build/report.json").read_text(encoding="utf-8"))


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_good_build_reports_what_it_was_made_of(tmp_path):
    case = named("ok-folder-with-space-and-umlaut")
    (src, env) = stage.place(case, tmp_path)
    built = stage.assemble_with({**env, "S2I_COMMIT": "abc123", "S2I_SOURCE": "https://me:pass@example.org/r.git"})
    assert built.status == 0, built.stdout
    reported = report(built.app_root)
    (notebook,) = [path.relative_to(src) for path in src.rglob("*.ipynb")]
    assert reported["notebooks"] == {str(notebook): digest(src / notebook)}
    assert reported["lock_sha256"] == digest(built.app_root / "build/requirements.lock")
    assert reported["model"]["sha256"] == digest(built.app_root / "model/model.pickle")
    assert (reported["commit"], reported["source"]) == ("abc123", "https://example.org/r.git")
    # The file that the notebook reads, by its digest.
    (data,) = [path.relative_to(src) for path in src.rglob("*.csv")]
    assert reported["read"][str(data)] == digest(src / data)
    assert set(reported["seconds"]) == {"check", "requirements", "install", "run", "verify"}
    assert any(line.startswith("cloudpickle==") for line in reported["packages"])


def test_a_failed_build_reports_its_reason(tmp_path):
    built, _ = stage.assemble(named("fail-cell-failed"), tmp_path)
    assert built.status == 1
    assert report(built.app_root)["problem"]["code"] == "cell-failed"


def test_how_samples_are_scored_is_reported_and_the_batch_form_can_be_read(tmp_path):
    built, _ = stage.assemble(named("ok-batched-one-row"), tmp_path)
    batching = report(built.app_root)["batching"]
    assert (batching["calls"], batching["golden"], batching["pays_from"] <= 8) == (["model.predict"], 3, True)
    form = (built.app_root / "build/batch_form.py").read_text(encoding="utf-8")
    assert "yield (1, model.predict, ([x],), {}, False)" in form
    assert (built.app_root / "model/batch_form.py").read_text(encoding="utf-8") == form


def test_why_samples_are_scored_one_by_one_is_reported(tmp_path):
    built, _ = stage.assemble(named("ok-not-batched-module-of-the-repository"), tmp_path)
    assert report(built.app_root)["batching"] == {
        "reason": "it writes last['row'], which keeps its value after the call",
        "file": "lib/helpers/scoring.py",
        "line": 9,
    }
    assert not (built.app_root / "build/batch_form.py").exists()
