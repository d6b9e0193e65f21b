"""The report of the service about a model, and what becomes of it; a stand-in plays the service."""

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from nb_builder import verify
from nb_builder.common.cell import Cell
from nb_builder.problems.model import AnswersDiffer, BatchDiffers, ModelDoesNotLoad
from nb_scorer.common.problem import Problem
from nb_scorer.model import golden_rows, manifest

SETTINGS = SimpleNamespace(
    tolerance=1e-6, verify_timeout=60.0, setup_timeout=300.0, ca_bundle=None, source_date_epoch=None
)
GOOD = {
    "loaded": True,
    "load_error": None,
    "rows": [],
    "row_count": 2,
    "answers": [4.0, 5],
    "batch": None,
    "batching": None,
    "concurrency": None,
    "deterministic": True,
    "scorer_start": "fork",
    "scorer_threads": 1,
    "scorer_start_reason": "two forked children answered every golden row",
}


class Lines:
    """A log that collects its lines."""

    def __init__(self):
        self.lines = []

    def line(self, text):
        self.lines.append(text)

    note = line

    def detail(self, text):
        self.lines.append(f"     {text}")


@pytest.fixture
def home(tmp_path):
    (tmp_path / "app" / "model").mkdir(parents=True)
    manifest.write(tmp_path / "app" / "model", {"format": 2, "golden": 2})
    rows = [{"sample": 2, "answer": 4, "from": "call"}, {"sample": 2.5, "answer": 5, "from": "call"}]
    (tmp_path / "app" / "model" / "golden.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "service" / "bin").mkdir(parents=True)
    return tmp_path


def verified(home, report, before="", settings=SETTINGS):
    """Let a stand-in for the service print `before` and `report`; return the log and the manifest."""
    text = report if isinstance(report, str) else json.dumps(report)
    program = home / "service" / "bin" / "python"
    program.write_text(
        f"#!{sys.executable}\nimport os, sys, time\n"
        f"open({str(home / 'asked')!r}, 'w').write(repr((sys.argv[1:], dict(os.environ))))\n"
        f"print({before!r})\n{text if isinstance(report, str) else f'print({text!r})'}\n"
    )
    program.chmod(0o755)
    log = Lines()
    verify.run(home / "app", home=home, settings=settings, log=log)
    return log.lines, manifest.read(home / "app" / "model")


def test_a_proved_model_says_in_its_manifest_how_to_start_it(home):
    lines, facts = verified(home, GOOD)
    assert {name: facts[name] for name in verify.MANIFEST_FIELDS} == {
        name: GOOD[name] for name in verify.MANIFEST_FIELDS
    }
    assert lines == [
        f"     2 golden rows answered as in the notebook; scorers are forked ({GOOD['scorer_start_reason']})"
    ]


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        (None, "S2I_CONCURRENCY can be used: golden rows that are predicted at the same time get the same predictions"),
        ("golden row 1 failed", "S2I_CONCURRENCY can't be used: golden row 1 failed"),
    ],
)
def test_the_log_and_the_manifest_state_whether_requests_may_be_concurrent(home, reason, line):
    lines, facts = verified(home, {**GOOD, "concurrency": {"reason": reason}})
    assert facts["concurrency"] == {"reason": reason}
    assert lines[-1].strip() == line


def test_the_golden_rows_keep_the_answers_of_the_fresh_process(home):
    verified(home, GOOD)
    assert [row["answer"] for row in golden_rows.read(home / "app" / "model")] == [4.0, 5]


@pytest.mark.parametrize(
    ("rows", "start", "words"),
    [
        (1, "spawn", "1 golden row answered as in the notebook; each scorer loads the model itself (why)"),
        (0, None, "The model loads; how scorers start is decided at run (why)"),
    ],
)
def test_the_log_says_how_scorers_start_and_why(rows, start, words):
    report = {"deterministic": True, "scorer_start": start, "scorer_start_reason": "why"}
    assert verify.summary(report, rows) == words


def test_the_services_own_environment_is_asked_with_the_builds_settings(home, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    verified(home, GOOD)
    arguments, environ = eval((home / "asked").read_text())
    assert arguments == ["-I", "-m", "nb_service", "prove"]
    assert environ["APP_ROOT"] == str(home / "app")
    assert float(environ["S2I_TOLERANCE"]) == 1e-6
    assert float(environ["S2I_VERIFY_TIMEOUT"]) == 60
    assert "PYTHONDONTWRITEBYTECODE" not in environ


def test_what_the_notebooks_functions_print_is_passed_over(home):
    assert verified(home, GOOD, before="loading\n{'not': 'it'}")[1]["scorer_start"] == "fork"


def test_a_model_that_does_not_load_is_rejected_with_the_traceback(home):
    error = {
        "what": "ModuleNotFoundError: No module named 'dateutil'",
        "traceback": "Traceback ...\nModuleNotFoundError: No module named",
    }
    with pytest.raises(ModelDoesNotLoad, match="in a fresh process: ModuleNotFoundError: No module named") as caught:
        verified(home, {**GOOD, "loaded": False, "load_error": error})
    assert caught.value.detail.startswith("Traceback")
    assert caught.value.fix.startswith("Fix the error at the end of the traceback above;")


def test_a_model_whose_process_ends_while_loading_is_rejected_with_its_own_last_words(home):
    error = {"what": "its process exited with status 4", "traceback": None}
    report = json.dumps({**GOOD, "loaded": False, "load_error": error})
    with pytest.raises(ModelDoesNotLoad, match="exited with status 4") as caught:
        verified(home, f"sys.stderr.write('no licence\\n')\nprint({report!r})")
    assert caught.value.detail.strip() == "no licence"
    assert caught.value.fix.startswith("Fix this error;")


def test_another_answer_is_rejected_with_both(home):
    row = {"sample": [0.5], "expected": 3, "got": 4, "same": False, "error": None}
    with pytest.raises(AnswersDiffer) as caught:
        verified(home, {**GOOD, "rows": [row]})
    assert "For [0.5] the notebook's prediction was 3, but the saved model gives 4 in a fresh process." in str(
        caught.value
    )


def test_a_row_without_an_answer_is_rejected_with_the_error(home):
    error = {"status": 500, "traceback": "Traceback (most recent call last):\nNameError: name 'display' is not defined"}
    row = {"sample": [1], "expected": 3, "got": None, "same": False, "error": error}
    with pytest.raises(ModelDoesNotLoad) as caught:
        verified(home, {**GOOD, "rows": [row]})
    assert "predictor([1]) fails there: NameError: name 'display' is not defined" in str(caught.value)


def test_a_row_that_ends_without_a_traceback_is_rejected_in_the_services_words(home):
    error = {"status": 500, "what": "the process died", "traceback": None}
    row = {"sample": 1, "expected": 3, "got": None, "same": False, "error": error}
    with pytest.raises(ModelDoesNotLoad, match=re.escape("predictor(1) fails there: the process died")):
        verified(home, {**GOOD, "rows": [row]})


def test_a_predictor_that_answers_differently_each_time_passes_with_a_note(home):
    row = {"sample": 1, "expected": 3, "got": 4, "same": False, "error": None}
    lines, facts = verified(home, {**GOOD, "rows": [row], "deterministic": False})
    assert "gives different predictions for the same sample" in lines[0]
    assert "as in the notebook" not in lines[1]
    assert facts["deterministic"] is False


def test_a_proof_without_an_end_is_rejected(home):
    quick = SimpleNamespace(
        tolerance=0, verify_timeout=0.02, setup_timeout=0.01, ca_bundle=None, source_date_epoch=None
    )
    with pytest.raises(ModelDoesNotLoad, match="verification took longer than"):
        verified(home, "time.sleep(60)", settings=quick)


def test_a_service_that_says_nothing_is_a_fault_of_ours(home):
    with pytest.raises(RuntimeError, match="exited with 3"):
        verified(home, "sys.exit(3)")


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        (
            {"row": 1, "got": 6, "failed": False},
            "disagree on golden row 2, 2.5: in a fresh process it returns 6, and predictor 5.",
        ),
        ({"row": 0, "got": None, "failed": True}, "disagree on golden row 1, 2: in a fresh process it fails."),
    ],
)
def test_a_batch_predictor_that_falls_short_in_the_fresh_process_is_rejected_with_the_row(home, batch, words):
    with pytest.raises(BatchDiffers, match=re.escape(words)):
        verified(home, {**GOOD, "batch": batch})


def test_a_cause_that_the_traceback_reports_goes_before_the_general_words(home):
    error = {"traceback": "Traceback …", "what": "failed"}
    rows = [{"sample": [1], "error": None}, {"sample": [2], "error": error}]
    assert verify.first_failure({"loaded": True, "rows": rows}) == (
        "Traceback …",
        "In a fresh process predictor([2]) fails:",
    )
    assert verify.first_failure({"loaded": True, "rows": rows[:1]}) == ("", "")
    assert verify.first_failure({"loaded": False, "load_error": {"traceback": "T"}})[0] == "T"
    assert verify.first_failure({"loaded": False, "load_error": None})[0] == ""


BATCHED = {
    "calls": ["scaler.transform", "model.predict", "model.predict"],
    "golden": 1,
    "variations": 63,
    "most": 256,
    "gain": 5.0,
    "pays_from": 2,
    "exact": True,
    "made": 0,
}


def test_a_batch_form_that_is_proved_is_reported_with_its_calls_and_its_gain(home):
    log, written = verified(home, {**GOOD, "batching": BATCHED})
    assert log[1].strip() == (
        "predictor can be scored in batches: scaler.transform (1 call), model.predict (2 calls) on up to 256 samples; "
        "1 golden row and 63 variations with the same predictions, 8 of them 5 times as fast"
    )
    assert written["batching"] == BATCHED


def test_a_repeatable_build_keeps_nothing_that_was_measured(home):
    settings = SimpleNamespace(**{**vars(SETTINGS), "source_date_epoch": 1})
    _, written = verified(home, {**GOOD, "batching": BATCHED}, settings=settings)
    assert (written["batching"].get("gain"), written["batching"]["pays_from"]) == (None, 8)
    _, written = verified(home, {**GOOD, "batching": {"reason": "it is slow"}}, settings=settings)
    assert written["batching"] == {"reason": "it is slow"}


def told_place(file, line, *cells):
    batching = verify.placed({"reason": "", "file": file, "line": line}, cells, Path("/app/src"))
    # As it is after a build that has taken the model over.
    assert verify.placed(batching, (), Path("/elsewhere")) == batching
    return verify.batching_summary(batching).partition("one by one: ")[2]


@pytest.mark.parametrize("file", ["model.ipynb cell [3]", "<ipython-input-3-9e1622b385b6>"])
def test_a_reason_in_a_cell_is_reported_with_the_line_of_the_cell(file):
    assert told_place(file, 2) == " (cell 3, line 2)"
    # IPython does not count the empty lines at the top.
    assert told_place(file, 2, Cell("x", 2, 4), Cell("\n\ndef f():\n  pass", 3, 5)) == " (cell 3, line 4)"
    assert told_place(file, 2, Cell("y", 3, 5, first_line=20)) == " (cell 3, line 2; line 21 of the file)"


def test_a_reason_in_a_module_is_reported_with_its_path_in_the_repository():
    assert told_place("/app/src/lib/helpers.py", 7) == " (lib/helpers.py, line 7)"
    assert told_place(None, None) == ""
    assert told_place("/tmp/ipykernel_77/1234.py", 7) == ""


def test_a_problem_of_the_service_keeps_its_code_and_its_sentences(home):
    facts = {"code": "disk-full", "what": 'ERROR: a "quoted"\nname', "why": "it\n  Fix: matters", "fix": "do it"}
    with pytest.raises(Problem) as raised:
        verified(home, {"problem": facts})
    assert raised.value.as_json() == facts
