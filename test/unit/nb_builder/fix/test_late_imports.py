"""Imports that a notebook needs before it has them."""

from nb_builder.common.cell import Cell
from nb_builder.fix import late_imports


def found(*sources):
    cells = [Cell(source, number, number) for number, source in enumerate(sources, start=1)]
    return [
        (late.cell.number, late.statement, late.below.number if late.below else None)
        for late in late_imports.find(cells)
    ]


def test_an_import_below_its_first_use_is_found():
    assert found("x = np.ones(3)\ny = np.ones(4)", "import os, numpy as np") == [(1, "import numpy as np", 2)]
    assert found("m = Ridge()", "from sklearn.linear_model import Ridge, Lasso") == [
        (1, "from sklearn.linear_model import Ridge", 2)
    ]


def test_a_usual_name_that_nothing_binds_is_imported():
    assert found("x = pd.read_csv('a.csv')") == [(1, "import pandas as pd", None)]
    assert found("pd = 1\nx = pd") == []


def test_what_a_function_needs_may_come_later():
    assert found("def f():\n    return np.ones(1)", "import numpy as np", "f()") == []
