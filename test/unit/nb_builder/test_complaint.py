"""What our own last cell wrote down becomes the problem that it is."""

import json

import pytest
from nb_builder import complaint
from nb_builder.problems import DiskFull, ExampleFails, NotSerializable, PredictorMissing

ERROR = {"ename": "Complaint", "evalue": "predictor-missing", "traceback": ["of ours"]}


@pytest.mark.parametrize(
    ("code", "facts", "kind", "words"),
    [
        ("predictor-missing", {}, PredictorMissing, "model.ipynb does not define a function called 'predictor'"),
        (
            "not-serializable",
            {"name": "predictor", "culprit": "predictor uses the global 'lock'", "error": "TypeError: no"},
            NotSerializable,
            "'predictor' can't be saved: predictor uses the global 'lock'.",
        ),
        (
            "example-fails",
            {"number": 2, "sample": "[{}]", "error": "KeyError: 'x'", "detail": "Traceback"},
            ExampleFails,
            "Row 2 of 'examples', [{}], gets no answer: KeyError: 'x'.",
        ),
    ],
)
def test_facts_get_their_words(tmp_path, code, facts, kind, words):
    file = tmp_path / "complaint.json"
    file.write_text(json.dumps({"code": code, "facts": facts}))
    problem = complaint.problem(file, ERROR, notebook="model.ipynb")
    assert type(problem) is kind
    assert words in str(problem)


def test_a_disk_too_full_for_the_complaint_itself_is_still_told(tmp_path):
    problem = complaint.problem(tmp_path / "none.json", {**ERROR, "evalue": "disk-full"}, notebook="model.ipynb")
    assert isinstance(problem, DiskFull)


def test_an_error_without_a_complaint_is_a_fault_of_ours(tmp_path):
    problem = complaint.problem(tmp_path / "none.json", ERROR, notebook="model.ipynb")
    assert isinstance(problem, RuntimeError)
    assert "of ours" in str(problem)
