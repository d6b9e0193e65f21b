"""What notebooks use that later releases of packages have removed."""

from datetime import date

import pytest
from nb_builder.analysis import removed_apis
from nb_builder.common.cell import Cell
from packaging.version import Version

IMPORTS = """\
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
"""


def found(source):
    cells = [Cell(IMPORTS + source, 1, 1)]
    return {(use.removal.package, use.removal.version) for use in removed_apis.uses(cells)}


@pytest.mark.parametrize(
    ("source", "package", "version"),
    [
        ("from sklearn.externals import joblib", "scikit-learn", "0.23"),
        ("import sklearn.cross_validation", "scikit-learn", "0.20"),
        ("from sklearn.datasets import load_boston", "scikit-learn", "1.2"),
        ("x = np.float(1)", "numpy", "1.24"),
        ("x = np.NaN", "numpy", "2.0"),
        ("df = df.append(row)", "pandas", "2.0"),
        ("x = df.ix[0]", "pandas", "1.0"),
        ("plt.hist(x, normed=True)", "matplotlib", "3.2"),
        ("plt.style.use('seaborn-whitegrid')", "matplotlib", "3.8"),
        ("sns.barplot('a', 'b', data=df)", "seaborn", "0.12"),
        ("from keras.utils import np_utils", "keras", "2.13"),
        ("RandomForestClassifier(max_features='auto')", "scikit-learn", "1.3"),
    ],
)
def test_what_is_gone_is_found_with_the_release_that_lacks_it(source, package, version):
    assert found(source) == {(package, version)}


@pytest.mark.parametrize(
    "source", ["rows.append(1)", "x = np.float64(1)", "sns.barplot(x='a', y='b', data=df)", "plt.hist(x, density=True)"]
)
def test_what_is_still_there_is_not_found(source):
    assert found(source) == set()


def test_of_several_uses_the_oldest_release_counts():
    assert found("from sklearn.datasets import load_boston\nfrom sklearn import cross_validation") == {
        ("scikit-learn", "0.20")
    }


def test_the_rows_are_in_order():
    for row in removed_apis.TABLE:
        assert date.fromisoformat(row.day) and Version(row.version) and row.names
