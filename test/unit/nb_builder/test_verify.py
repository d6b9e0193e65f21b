"""What the service proves of a model, and what becomes of it; a stand-in plays the service."""

import json
import re
import sys
from types import SimpleNamespace

import pytest
from nb_builder import verify
from nb_builder.problems.model import AnswersDiffer, BatchDiffers, ModelDoesNotLoad
from nb_scorer.model import golden_rows, manifest

SETTINGS = SimpleNamespace(tolerance=1e-6, verify_timeout=60.0, ca_bundle=None)
GOOD = {
    "loaded": True,
    "load_error": None,
    "rows": [],
    "row_count": 2,
    "answers": [4.0, 5],
    "batch": None,
    "deterministic": True,
    "scorer_start": "fork",
    "scorer_threads": 1,
    "scorer_start_reason": "two forked children answered every golden row",
}


class Lines:
    """A log that keeps what it is told."""

    def __init__(self):
        self.lines = []

    def line(self, text):
        self.lines.append(text)

    note = line


@pytest.fixture
def place(tmp_path):
    (tmp_path / "app" / "model").mkdir(parents=True)
    manifest.write(tmp_path / "app" / "model", {"format": 2, "golden": 2})
    rows = [{"sample": 2, "answer": 4, "from": "call"}, {"sample": 2.5, "answer": 5, "from": "call"}]
    (tmp_path / "app" / "model" / "golden.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "service" / "bin").mkdir(parents=True)
    return tmp_path


def verified(place, found, before="", settings=SETTINGS):
    """Let a stand-in for the service print `before` and `found`; return the log and the manifest."""
    text = found if isinstance(found, str) else json.dumps(found)
    program = place / "service" / "bin" / "python"
    program.write_text(
        f"#!{sys.executable}\nimport os, sys, time\n"
        f"open({str(place / 'asked')!r}, 'w').write(repr((sys.argv[1:], dict(os.environ))))\n"
        f"print({before!r})\n{text if isinstance(found, str) else f'print({text!r})'}\n"
    )
    program.chmod(0o755)
    log = Lines()
    verify.run(place / "app", home=place, settings=settings, log=log)
    return log.lines, manifest.read(place / "app" / "model")


def test_a_proved_model_says_in_its_manifest_how_to_start_it(place):
    lines, kept = verified(place, GOOD)
    assert {name: kept[name] for name in verify.KEPT} == {name: GOOD[name] for name in verify.KEPT}
    assert lines == [
        f"     2 golden rows answered as in the notebook; scorers are forked ({GOOD['scorer_start_reason']})"
    ]


def test_the_golden_rows_keep_the_answers_of_the_fresh_process(place):
    verified(place, GOOD)
    assert [row["answer"] for row in golden_rows.read(place / "app" / "model")] == [4.0, 5]


@pytest.mark.parametrize(
    ("rows", "start", "words"),
    [
        (1, "spawn", "1 golden row answered as in the notebook; each scorer loads the model itself (why)"),
        (0, None, "The model loads; how scorers start is decided at run (why)"),
    ],
)
def test_the_log_says_how_scorers_start_and_why(rows, start, words):
    found = {"deterministic": True, "scorer_start": start, "scorer_start_reason": "why"}
    assert verify.summary(found, rows) == words


def test_the_services_own_environment_is_asked_with_the_builds_settings(place, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    verified(place, GOOD)
    arguments, environ = eval((place / "asked").read_text())
    assert arguments == ["-I", "-m", "nb_service", "prove"]
    assert environ["APP_ROOT"] == str(place / "app")
    assert float(environ["S2I_TOLERANCE"]) == 1e-6
    assert float(environ["S2I_VERIFY_TIMEOUT"]) == 60
    assert "PYTHONDONTWRITEBYTECODE" not in environ


def test_what_the_notebooks_functions_print_is_passed_over(place):
    assert verified(place, GOOD, before="loading\n{'not': 'it'}")[1]["scorer_start"] == "fork"


def test_a_model_that_does_not_load_is_refused_with_the_traceback(place):
    error = {
        "what": "ModuleNotFoundError: No module named 'dateutil'",
        "traceback": "Traceback ...\nModuleNotFoundError: No module named",
    }
    with pytest.raises(ModelDoesNotLoad, match="in a fresh process: ModuleNotFoundError: No module named") as caught:
        verified(place, {**GOOD, "loaded": False, "load_error": error})
    assert caught.value.detail.startswith("Traceback")


def test_a_model_whose_process_ends_while_loading_is_refused_with_its_own_last_words(place):
    error = {"what": "its process ended with exit code 4", "traceback": None}
    found = json.dumps({**GOOD, "loaded": False, "load_error": error})
    with pytest.raises(ModelDoesNotLoad, match="ended with exit code 4") as caught:
        verified(place, f"sys.stderr.write('no licence\\n')\nprint({found!r})")
    assert caught.value.detail.strip() == "no licence"


def test_another_answer_is_refused_with_both(place):
    row = {"sample": [0.5], "expected": 3, "got": 4, "same": False, "error": None}
    with pytest.raises(AnswersDiffer) as caught:
        verified(place, {**GOOD, "rows": [row]})
    assert "For [0.5] the notebook answered 3, and the saved model answers 4 in a fresh process." in str(caught.value)


def test_a_row_without_an_answer_is_refused_with_the_error(place):
    error = {"status": 500, "traceback": "Traceback (most recent call last):\nNameError: name 'display' is not defined"}
    row = {"sample": [1], "expected": 3, "got": None, "same": False, "error": error}
    with pytest.raises(ModelDoesNotLoad) as caught:
        verified(place, {**GOOD, "rows": [row]})
    assert "predictor([1]) fails there: NameError: name 'display' is not defined" in str(caught.value)


def test_a_row_that_ends_without_a_traceback_is_refused_in_the_services_words(place):
    error = {"status": 500, "what": "the process died", "traceback": None}
    row = {"sample": 1, "expected": 3, "got": None, "same": False, "error": error}
    with pytest.raises(ModelDoesNotLoad, match=re.escape("predictor(1) fails there: the process died")):
        verified(place, {**GOOD, "rows": [row]})


def test_a_predictor_that_answers_differently_each_time_passes_with_a_note(place):
    row = {"sample": 1, "expected": 3, "got": 4, "same": False, "error": None}
    lines, kept = verified(place, {**GOOD, "rows": [row], "deterministic": False})
    assert "differently each time" in lines[0]
    assert "as in the notebook" not in lines[1]
    assert kept["deterministic"] is False


def test_a_proof_without_an_end_is_refused(place):
    quick = SimpleNamespace(tolerance=0, verify_timeout=0.02, ca_bundle=None)
    with pytest.raises(ModelDoesNotLoad, match="verification took longer than"):
        verified(place, "time.sleep(60)", settings=quick)


def test_a_service_that_says_nothing_is_a_fault_of_ours(place):
    with pytest.raises(RuntimeError, match="ended with 3"):
        verified(place, "sys.exit(3)")


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        (
            {"row": 1, "got": 6, "failed": False},
            "disagree on golden row 2, 2.5: in a fresh process it answers 6, and predictor 5.",
        ),
        ({"row": 0, "got": None, "failed": True}, "disagree on golden row 1, 2: in a fresh process it fails."),
    ],
)
def test_a_batch_predictor_that_falls_short_in_the_fresh_process_is_refused_with_the_row(place, batch, words):
    with pytest.raises(BatchDiffers, match=re.escape(words)):
        verified(place, {**GOOD, "batch": batch})


def test_a_cause_that_the_traceback_tells_goes_before_the_general_words(place):
    error = {"traceback": "Traceback …", "what": "failed"}
    rows = [{"sample": [1], "error": None}, {"sample": [2], "error": error}]
    assert verify.failed({"loaded": True, "rows": rows}) == (
        "Traceback …",
        "In a fresh process predictor([2]) fails:",
    )
    assert verify.failed({"loaded": True, "rows": rows[:1]}) == ("", "")
    assert verify.failed({"loaded": False, "load_error": {"traceback": "T"}})[0] == "T"
    assert verify.failed({"loaded": False, "load_error": None})[0] == ""
