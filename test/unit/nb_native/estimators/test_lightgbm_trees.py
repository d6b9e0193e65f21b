import numpy as np
import pytest
from compiled import Compiled
from nb_native.refusal import Refusal
from stand_ins import LightgbmBooster

NAN = float("nan")


def split(missing_type, default_left, threshold=0.5, decision="<="):
    """Return a tree of one decision, whose left leaf is 1 and whose right leaf is 2."""
    return {
        "split_feature": 0,
        "threshold": threshold,
        "decision_type": decision,
        "default_left": default_left,
        "missing_type": missing_type,
        "left_child": {"leaf_value": 1.0},
        "right_child": {"leaf_value": 2.0},
    }


def answers(tree, cells, **model):
    native = Compiled(LightgbmBooster(tree, 1, **model), "predict", ["float64"])
    return native.results(np.array(cells, float)[:, None]).tolist()


@pytest.mark.parametrize(
    ("missing_type", "default_left", "threshold", "expected"),
    [
        # Of NaN, 0, 1e-36 which counts as 0, and the threshold itself.
        ("None", False, 0.5, [1, 1, 1, 1]),
        ("None", True, -0.5, [2, 2, 2, 1]),
        ("Zero", True, -0.5, [1, 1, 1, 1]),
        ("Zero", False, 0.5, [2, 2, 2, 1]),
        ("NaN", True, -0.5, [1, 2, 2, 1]),
        ("NaN", False, 0.5, [2, 1, 1, 1]),
    ],
)
def test_missing_types(missing_type, default_left, threshold, expected):
    assert answers(split(missing_type, default_left, threshold), [NAN, 0.0, 1e-36, threshold]) == expected


def test_categories():
    tree = split("None", default_left=False, threshold="0||3||40", decision="==")
    assert answers(tree, [0, -0.5, 3, 3.9, 40, 41, 1e30, -3, NAN, -1e30]) == [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]


def test_objectives():
    leaf = {"leaf_value": -1.5}
    assert answers(leaf, [0], objective="regression sqrt") == [-2.25]
    assert answers(leaf, [0], objective="poisson") == pytest.approx([np.exp(-1.5)], rel=1e-15)
    assert answers(leaf, [0], objective="binary sigmoid:2") == pytest.approx([1 / (1 + np.exp(3.0))], rel=1e-15)


@pytest.mark.parametrize(
    ("tree", "model", "reason"),
    [
        ({"leaf_value": 1.0, "leaf_coeff": []}, {}, "linear leaves"),
        ({"leaf_value": 1.0}, {"objective": "mine"}, "objective mine"),
        ({"leaf_value": 1.0}, {"pandas_categorical": [["a"]]}, "pandas's categories"),
        (split("Some", default_left=False), {}, "missing values of type Some"),
        (split("None", default_left=False, decision=">"), {}, "decides by >"),
    ],
)
def test_refusals(tree, model, reason):
    with pytest.raises(Refusal, match=reason):
        answers(tree, [0], **model)
