"""Searches for parameters, found before any cell runs."""

import pytest
from nb_builder.analysis import long_searches
from nb_builder.common.cell import Cell

IMPORTS = "from sklearn.model_selection import GridSearchCV, RandomizedSearchCV\nimport numpy as np\n"


def found(*sources):
    cells = [Cell(source, number, number) for number, source in enumerate(sources, start=1)]
    return [(each.cell.number, str(each)) for each in long_searches.find(cells)]


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (
            "GridSearchCV(model, {'a': [1, 2, 3], 'b': range(10)}, cv=5)",
            "GridSearchCV tries 30 combinations of parameters in 5 folds each",
        ),
        (
            "GridSearchCV(model, param_grid=[{'a': np.linspace(0, 1, 40)}, {'a': (1, 2), 'b': np.arange(0, 10, 2)}])",
            "GridSearchCV tries 50 combinations of parameters",
        ),
        (
            "RandomizedSearchCV(model, anything, n_iter=100, cv=folds)",
            "RandomizedSearchCV tries 100 combinations of parameters",
        ),
        ("RandomizedSearchCV(model, anything)", "RandomizedSearchCV tries 10 combinations of parameters"),
        ("GridSearchCV(model, made_by_a_function())", "GridSearchCV searches for parameters"),
        ("GridSearchCV(model, {'a': [*others]})", "GridSearchCV searches for parameters"),
        ("GridSearchCV(model, {'a': np.arange(1, 9, 0)})", "GridSearchCV searches for parameters"),
        ("GridSearchCV(model, {'a': range(1000000000000000000000000)})", "GridSearchCV searches for parameters"),
        ("GridSearchCV(model, {'a': range(1, 2, 3, 4)})", "GridSearchCV searches for parameters"),
        ("def search():\n    return GridSearchCV(model, grid())", "GridSearchCV searches for parameters"),
    ],
)
def test_a_search_says_how_much_it_tries(source, sentence):
    assert found(IMPORTS, source) == [(2, sentence)]


def test_a_grid_may_be_named_in_another_cell():
    grid = "grid = {'a': list_of_five, 'b': [1, 2]}\nlist_of_five = [1, 2, 3, 4, 5]\nfolds = 10"
    search = "GridSearchCV(estimator=model, param_grid=grid, cv=folds)"
    assert found(IMPORTS, grid, search) == [(3, "GridSearchCV tries 10 combinations of parameters in 10 folds each")]


@pytest.mark.parametrize(
    "source",
    ["GridSearchCV(model, {'a': [1, 2, 3]}, cv=3)", "RandomizedSearchCV(model, anything, n_iter=5, cv=5)", "Grid()"],
)
def test_a_short_search_is_not_worth_a_line(source):
    assert found(IMPORTS, source) == []


def test_a_class_of_that_name_from_elsewhere_is_not_a_search():
    assert found("from mine import GridSearchCV", "GridSearchCV(model, grid())") == []
