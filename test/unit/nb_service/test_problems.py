import pytest
from nb_service import problems


@pytest.mark.parametrize(
    "problem",
    [
        problems.BackendUnknown("x", ["http", "batch"]),
        problems.PortTaken("0.0.0.0", 80, "Permission denied"),
        problems.load_ended("was killed by signal 9 (SIGKILL)"),
        problems.load_did_not_end(60.0),
        problems.load_not_started("/x/python", "No such file or directory"),
        problems.golden_damaged("/x/golden.ndjson", "Expecting value"),
        problems.not_as_written("/x/manifest.json", "golden is -1, and not a whole number"),
        problems.unreadable("/x/model", OSError(40, "Too many levels of symbolic links")),
        problems.unreadable("/x/model", PermissionError(13, "Permission denied")),
        problems.ModelMissing("/x/model"),
        problems.model_unreadable("/x/model"),
    ],
)
def test_a_problem_says_what_why_and_how_to_fix_it_in_sentences(problem):
    assert all(words.endswith((".", ")")) for words in (problem.what, problem.why, problem.fix))
    assert str(problem).endswith(f"(problem {problem.code})")


def test_what_a_model_process_reported_keeps_its_class_and_words():
    facts = {"code": "model-damaged", "what": "What.", "why": "Why.", "fix": "Fix."}
    problem = problems.model_problem(facts)
    assert type(problem) is problems.ModelDamaged
    assert str(problem) == "ERROR: What.\n  Why: Why.\n  Fix: Fix.\n  (problem model-damaged)"


def test_a_code_that_is_not_known_here_is_a_failed_load():
    assert problems.model_problem({"code": "new", "what": "W.", "why": "Y.", "fix": "F."}).code == "model-load-failed"
