"""What our own last cell has written becomes a problem."""

import json

import pytest
from nb_builder.common.cell import Cell
from nb_builder.execute import save_errors
from nb_builder.problems.contract import (
    AnswerChanged,
    AnswerDependsOnType,
    ExampleFails,
    OnlyInJupyter,
    PredictorMissing,
)
from nb_builder.problems.model import DiskFull, NotSerializable

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
            "not-serializable",
            {
                "name": "validator",
                "culprit": "validator uses the global 'get_ipython', which is a method of an object, a dict",
                "error": "TypeError: no",
            },
            OnlyInJupyter,
            "'validator' uses 'get_ipython', which only Jupyter provides.",
        ),
        (
            "example-fails",
            {"number": 2, "sample": "[{}]", "error": "KeyError: 'x'", "detail": "Traceback"},
            ExampleFails,
            "Row 2 of 'examples', [{}], gets no prediction: KeyError: 'x'.",
        ),
    ],
)
def test_facts_get_their_words(tmp_path, code, facts, kind, words):
    file = tmp_path / "complaint.json"
    file.write_text(json.dumps({"code": code, "facts": facts}))
    problem = save_errors.problem(file, ERROR, notebook="model.ipynb")
    assert type(problem) is kind
    assert words in str(problem)


def test_a_disk_too_full_for_the_complaint_itself_is_still_reported(tmp_path):
    problem = save_errors.problem(tmp_path / "none.json", {**ERROR, "evalue": "disk-full"}, notebook="model.ipynb")
    assert isinstance(problem, DiskFull)


def test_an_error_without_a_complaint_is_a_fault_of_ours(tmp_path):
    problem = save_errors.problem(tmp_path / "none.json", ERROR, notebook="model.ipynb")
    assert isinstance(problem, RuntimeError)
    assert "of ours" in str(problem)


CELLS = [
    Cell("import nb_scorer"),
    Cell("df = [6.0]\ndef predictor(x):\n    return df[x]", 1, 1),
    Cell("get_ipython().run_cell_magic('time', '', 'predictor(0)\\n')", 2, 2),
    Cell("df[0] = 1.0", 3, 3),
]
CHANGED = {"sample": "0", "shown": "6.0", "outcome": "answers 1.0", "passed": "", "cell": 2, "line": 1, "detail": ""}


def changed(tmp_path, cells, **facts):
    file = tmp_path / "complaint.json"
    file.write_text(json.dumps({"code": "answer-changed", "facts": {**CHANGED, **facts}}))
    return save_errors.problem(file, ERROR, notebook="model.ipynb", cells=cells)


def test_an_answer_that_changed_names_both_cells(tmp_path):
    problem = changed(tmp_path, CELLS)
    assert type(problem) is AnswerChanged
    assert problem.what.startswith("Cell [2] of model.ipynb (cell 2 of the file), line 2 shows 6.0 for predictor(0)")
    assert "Cell [3] of model.ipynb (cell 3 of the file), line 1, changes 'df'." in problem.why
    assert (problem.cell.number, problem.line) == (2, 2)


def test_without_a_change_the_type_of_the_sample_is_to_blame(tmp_path):
    problem = changed(tmp_path, CELLS[:-1], passed="numpy.ndarray")
    assert type(problem) is AnswerDependsOnType
    assert "for a sample of type numpy.ndarray" in problem.what


def test_a_change_that_is_not_seen_is_said_to_be_none_that_is_known(tmp_path):
    assert "something that predictor uses has changed since" in changed(tmp_path, CELLS[:-1]).why


def test_the_name_that_a_problem_is_about_is_known():
    facts = {"number": 1, "sample": "1", "error": "x", "detail": "", "notebook": "m"}
    assert save_errors.about(ExampleFails(**facts)) == "examples"
    facts = {"name": "validator", "culprit": "x", "error": "y", "notebook": "m", "setup": "def setup(): ..."}
    assert save_errors.about(NotSerializable(**facts)) == "validator"
    facts = {"function": "validator", "name": "get_ipython", "instead": ""}
    assert save_errors.about(OnlyInJupyter(**facts)) == "validator"
    assert save_errors.about(PredictorMissing(notebook="m")) == save_errors.about(ValueError()) == ""


def test_a_fault_of_ours_and_a_full_disk_are_reported_in_these_words(tmp_path):
    reported = str(save_errors.problem(tmp_path / "none.json", ERROR, notebook="model.ipynb"))
    assert reported == "nb-builder's own cell failed:\nof ours"
    bare = save_errors.problem(tmp_path / "none.json", {"evalue": "x"}, notebook="model.ipynb")
    assert str(bare) == "nb-builder's own cell failed:\n"
    assert str(tmp_path) in str(save_errors.problem(tmp_path / "none.json", {"evalue": "disk-full"}, notebook="m"))


def test_an_answer_of_a_changed_variable_is_so_even_where_a_type_was_passed(tmp_path):
    problem = changed(tmp_path, CELLS, passed="numpy.ndarray")
    assert type(problem) is AnswerChanged
    assert "model.ipynb" in str(changed(tmp_path, CELLS[:-1], passed="numpy.ndarray"))


@pytest.mark.parametrize(
    ("source", "setup"),
    [
        ("lock = threading.Lock()", "def setup(): global lock; lock = threading.Lock()"),
        ("with open('f') as lock:\n    pass", "def setup(): global lock; lock = ..."),
        (f"lock = connect({'x' * 100!r})", "def setup(): global lock; lock = ..."),
    ],
)
def test_a_global_that_can_t_be_saved_is_created_in_a_setup(tmp_path, source, setup):
    facts = {"name": "predictor", "culprit": "predictor uses the global 'lock'", "error": "TypeError: no"}
    file = tmp_path / "complaint.json"
    file.write_text(json.dumps({"code": "not-serializable", "facts": {**facts, "of_global": "lock"}}))
    problem = save_errors.problem(file, {}, notebook="model.ipynb", cells=[Cell(source, 1, 1)])
    assert problem.fix.startswith(f"Create it in setup, which each scorer of the service calls once: '{setup}'.")


def test_a_problem_of_one_of_several_predictors_names_it(tmp_path):
    facts = {"number": 1, "sample": "'text'", "error": "TypeError", "detail": "", "predictor": "price"}
    file = tmp_path / "complaint.json"
    file.write_text(json.dumps({"code": "example-fails", "facts": facts}))
    problem = save_errors.problem(file, ERROR, notebook="model.ipynb")
    assert problem.what.endswith("gets no prediction: TypeError (predictor is predictors['price'] here).")
