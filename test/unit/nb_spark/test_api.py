import pytest
from nb_service import problems
from nb_spark import api

NEW = ["prediction", "prediction_error"]


@pytest.mark.parametrize(
    ("there", "columns", "form", "wanted"),
    [
        (["x", "y"], None, "", ["x", "y"]),
        (["x", "y"], ["y"], "", ["y"]),
        (["x", "y"], ("y", "x"), "list", ["y", "x"]),
        (["v"], None, "value", ["v"]),
    ],
)
def test_predictor_gets_all_columns_or_those_that_are_named(there, columns, form, wanted):
    assert api.chosen(there, columns, NEW, form) == wanted


@pytest.mark.parametrize(
    ("there", "columns", "form", "what"),
    [
        (["x", "y"], ["z"], "", "The table has no column 'z'."),
        (["x", "x"], None, "", "The table has the column 'x' more than once."),
        (["x"], [], "", "No column is chosen for predictor."),
        ([], None, "", "No column is chosen for predictor."),
        (["x", "Prediction"], ["x"], "", "The table has a column 'prediction' already."),
        (["x"], None, "row", "as_form='row' is not a form of a row."),
        (["x", "y"], None, "value", 'as_form="value" is for one column, and predictor would get 2.'),
    ],
)
def test_names_that_do_not_fit_are_rejected_by_the_driver(there, columns, form, what):
    with pytest.raises(problems.SparkColumns) as rejected:
        api.chosen(there, columns, NEW, form)
    assert rejected.value.what == what
    assert rejected.value.fix.endswith(".")


def test_answers_and_reasons_are_two_columns():
    with pytest.raises(problems.SparkColumns, match="would both be in 'p'"):
        api.chosen(["x"], None, ["p", "P"], "")
