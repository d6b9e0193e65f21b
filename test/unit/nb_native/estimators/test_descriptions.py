"""Descriptions of the estimators that were recognised, for readers."""

import numpy as np
import pytest
from nb_native.estimators.descriptions import counted, described


class Fitted:
    """An estimator with the attributes that it is given."""

    def __init__(self, **attributes):
        vars(self).update(attributes)

    @property
    def n_components_(self):
        raise AttributeError("only some have components")


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({}, "Fitted.predict"),
        ({"n_features_in_": 2, "cluster_centers_": np.eye(7, 2)}, "Fitted.predict: 2 features, 7 centres"),
        ({"n_features_in_": 1, "classes_": np.array([0, 1])}, "Fitted.predict: 1 feature, 2 classes"),
        ({"categories_": [["a", "b"], ["c"]]}, "Fitted.predict: 3 categories"),
        ({"classes_": None, "n_samples_fit_": 1500}, "Fitted.predict: 1,500 rows"),
    ],
)
def test_sizes_are_reported_as_far_as_the_estimator_reports_them(attributes, text):
    assert described(Fitted(**attributes), "predict") == text


def test_one_is_no_plural():
    assert [counted(number, "node") for number in (0, 1, 1252)] == ["0 nodes", "1 node", "1,252 nodes"]
