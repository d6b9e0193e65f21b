"""Which failures of a cell come from a package that has changed."""

from datetime import datetime, timezone

import pytest
from nb_builder.common.build_facts import Resolution
from nb_builder.common.cell import Cell
from nb_builder.common.resolve_date import AsOf
from nb_builder.execute import package_drift
from nb_builder.problems.cells import CellFailed, PackageChanged

IN_A_CELL = "Traceback (most recent call last)\nCell In[2], line 1\n----> 1 f()\n"
IN_A_PACKAGE = IN_A_CELL + "\nFile /venv/lib/python3.11/site-packages/numpy/__init__.py:400, in __getattr__(attr)\n"
IN_AN_OLD_IPYTHON = (
    "<ipython-input-3-9e1622b385b6> in <module>\n----> 1 f()\n\n/venv/lib/python3.7/site-packages/a.py in g(x)\n"
)
BACK_IN_THE_CELL = IN_A_PACKAGE + "\nCell In[2], line 3, in callback(x)\n"


@pytest.mark.parametrize(
    ("error", "traceback"),
    [
        ("ImportError: cannot import name 'x' from 'y' (/venv/lib/python3.11/site-packages/y/__init__.py)", IN_A_CELL),
        ("ImportError: cannot import name 'escape' from 'jinja2'", IN_A_PACKAGE),
        ("AttributeError: module 'numpy' has no attribute 'float'.", IN_A_PACKAGE),
        ("AttributeError: 'DataFrame' object has no attribute 'append'", IN_AN_OLD_IPYTHON),
        ("ModuleNotFoundError: No module named 'sklearn.externals.joblib'", IN_A_CELL),
        ("TypeError: f() got an unexpected keyword argument 'sparse'", IN_A_PACKAGE),
        ("OSError: 'seaborn-whitegrid' is not a valid package style, path of style file, URL of …", IN_A_PACKAGE),
        ("OSError: 'seaborn-whitegrid' not found in the style library and input is not a valid URL or …", IN_A_PACKAGE),
        ("ValueError: numpy.dtype size changed, may indicate binary incompatibility. Expected 96", IN_A_PACKAGE),
    ],
)
def test_a_package_that_is_not_as_it_was(error, traceback):
    assert package_drift.in_a_package(error, traceback)


@pytest.mark.parametrize(
    ("error", "traceback"),
    [
        ("ImportError: cannot import name 'x' from 'helpers' (/app/src/helpers.py)", IN_A_CELL),
        ("AttributeError: 'NoneType' object has no attribute 'x'", IN_A_CELL),
        ("AttributeError: 'NoneType' object has no attribute 'x'", BACK_IN_THE_CELL),
        ("ModuleNotFoundError: No module named 'distutils.util'", IN_A_PACKAGE),
        ("ValueError: Input X contains NaN.", IN_A_PACKAGE),
        ("KeyError: 'a'", IN_A_PACKAGE),
        ("AttributeError: This 'GridSearchCV' has no attribute 'predict'", IN_A_PACKAGE),
        ("AttributeError: This GridSearchCV instance was initialized with refit=False.", IN_A_PACKAGE),
        ("OSError: 'styles/own.mplstyle' is not a valid package style, path of style file, URL of …", IN_A_PACKAGE),
    ],
)
def test_a_fault_of_the_notebook_or_its_python_is_none(error, traceback):
    assert not package_drift.in_a_package(error, traceback)


def explained(resolved, changed=None, alike=lambda moment: False):
    cell = Cell("f()", number=2, position=2)
    error = "AttributeError: module 'numpy' has no attribute 'float'."
    failed = CellFailed(cell=cell, notebook="model.ipynb", line=1, error=error, traceback=IN_A_PACKAGE, again="")
    return package_drift.explain(failed, Resolution(**resolved), changed, alike)


def test_the_problem_names_what_is_not_pinned_and_the_date():
    unpinned = ["a", "b", "c", "d", "e", "f", "g"]
    changed = AsOf(datetime(2021, 3, 4, 10, tzinfo=timezone.utc), "the last commit of model.ipynb")
    problem = explained({"pinned": ["scipy"], "unpinned": unpinned}, changed)
    assert isinstance(problem, PackageChanged)
    assert "since the notebook worked: a, b, c, d, e and 2 more." in problem.why
    assert "S2I_RESOLVE_AS_OF=2021-03-04 (the last commit of model.ipynb))" in problem.fix
    assert (problem.cell.number, problem.line, problem.detail) == (2, 1, IN_A_PACKAGE)


def test_a_date_that_includes_the_same_packages_is_not_proposed():
    resolved = {"pinned": [], "unpinned": ["numpy"]}
    day = AsOf(datetime(2021, 3, 4, 10, tzinfo=timezone.utc), "the last commit of model.ipynb")
    assert type(explained(resolved, day, lambda moment: moment is day)) is CellFailed
    today = AsOf(datetime.now(timezone.utc), "the last commit of model.ipynb")
    assert type(explained(resolved, today)) is CellFailed


def test_where_all_is_pinned_it_is_what_the_pins_need():
    problem = explained({"pinned": ["seaborn"], "unpinned": []})
    assert "dependencies of the pinned ones." in problem.why
    assert "S2I_RESOLVE_AS_OF=YYYY-MM-DD)" in problem.fix


@pytest.mark.parametrize(
    "resolved", [{"as_of": "2021-03-05T00:00:00Z", "pinned": [], "unpinned": ["a"]}, {"lock": "x"}]
)
def test_with_a_date_or_a_lock_the_cell_has_failed_and_no_more(resolved):
    assert type(explained(resolved)) is CellFailed


def test_where_every_package_of_the_traceback_is_pinned_the_cell_has_failed_and_no_more():
    assert type(explained({"pinned": ["numpy"], "unpinned": ["pandas"]})) is CellFailed


@pytest.mark.parametrize(
    ("error", "traceback", "names"),
    [
        ("AttributeError: module 'numpy' has no attribute 'float'.", IN_A_CELL, {"numpy"}),
        ("ModuleNotFoundError: No module named 'sklearn.externals.joblib'", IN_A_CELL, {"scikit-learn"}),
        (
            "ModuleNotFoundError: No module named 'of_nobody_known.part'",
            IN_A_CELL,
            {"of-nobody-known"},
        ),
        ("ImportError: x", IN_A_PACKAGE + "/venv/lib/python3.11/site-packages/flask/a.py", {"numpy", "flask"}),
    ],
)
def test_the_packages_of_a_failure_go_by_the_names_of_their_distributions(error, traceback, names):
    assert package_drift.packages(error, traceback) == names


@pytest.mark.parametrize(
    ("unpinned", "words"),
    [
        (["a", "b", "c", "d", "e"], "since the notebook worked: a, b, c, d, e."),
        (["a"], "since the notebook worked: a."),
    ],
)
def test_up_to_five_packages_are_all_named(unpinned, words):
    assert words in explained({"pinned": [], "unpinned": unpinned}).why


def test_a_package_next_to_the_pinned_ones_may_have_changed():
    assert package_drift.packages("AttributeError: x", IN_A_PACKAGE + "/v/site-packages/PIL/a.py") == {
        "numpy",
        "pillow",
    }
    reported = explained({"pinned": ["scipy", "pandas"], "unpinned": ["numpy"]})
    assert "AttributeError: module 'numpy' has no attribute 'float'." in reported.what


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        ("ModuleNotFoundError: No module named 'imp'", False),
        ("ModuleNotFoundError: No module named 'asyncore.x'", False),
        ("ModuleNotFoundError: No module named 'json.x'", False),
        ("ModuleNotFoundError: No module named 'six'", True),
        ("ImportError: A module that was compiled using NumPy 1.x cannot be run in NumPy 2.0", True),
        ("TypeError: unsupported operand", False),
        ("my.AttributeError: x", False),
    ],
)
def test_errors_inside_of_a_package_are_reported_apart(error, is_one):
    assert package_drift.in_a_package(error, IN_A_PACKAGE) is is_one


def test_without_a_frame_nothing_is_a_package_s():
    assert not package_drift.in_a_package("AttributeError: x", "")
