import numpy as np
import pytest
from compiled import Compiled
from nb_native.refusal import Refusal
from samples import around, edges, with_missing
from stand_ins import Booster, random_tree

FEATURES = 6
DOUBLES = ["float64"] * FEATURES


def booster(count=24, groups=1, objective="reg:squarederror", **settings):
    random = np.random.default_rng(1)
    trees = [random_tree(random, FEATURES, 4, random.normal) for _ in range(count)]
    return Booster(trees, groups, objective, settings.pop("base_score", 0.5), **settings)


@pytest.fixture
def rows():
    data = np.random.default_rng(0).normal(0, 1, (200, FEATURES))
    thresholds = np.float32(np.round(np.linspace(-3, 3, 61), 1) + 0.1)
    return np.concatenate([around(data, 500), edges(data, thresholds, 500), with_missing(around(data, 300))])


def test_margins_have_all_bits_of_float32(rows):
    model = booster()
    native = Compiled(model, "inplace_predict", DOUBLES)
    assert native.kinds == ["float32"]
    assert (native.results(rows) == model.inplace_predict(rows)).all()


def test_probabilities_of_groups_that_take_turns(rows):
    model = booster(30, 3, "multi:softprob")
    found = Compiled(model, "inplace_predict", DOUBLES).results(rows)
    np.testing.assert_allclose(found, model.inplace_predict(rows), rtol=1e-6)


@pytest.mark.parametrize("kind", ["float32", "int64"])
def test_rows_of_other_types(rows, kind):
    model = booster()
    asked = np.round(rows[np.abs(rows).max(axis=1) < 1e6]).astype(kind)
    found = Compiled(model, "inplace_predict", [kind] * FEATURES).results(asked.astype(float))
    assert (found == model.inplace_predict(asked)).all()


def test_infinity_is_no_row_of_a_matrix():
    model = booster()
    asked = np.zeros((3, FEATURES))
    asked[1, 0], asked[2, 0] = np.inf, 1e39
    assert Compiled(model, "predict", DOUBLES).ask(asked)[1].tolist() == [0, 2, 2]
    assert Compiled(model, "inplace_predict", DOUBLES).ask(asked)[1].tolist() == [0, 0, 0]


def test_a_base_score_is_a_probability_first():
    model = booster(1, objective="binary:logistic", base_score=0.3)
    model.trees[0] = random_tree(np.random.default_rng(0), FEATURES, 0, lambda: 0.0)
    found = Compiled(model, "inplace_predict", DOUBLES).results(np.zeros((1, FEATURES)))
    assert found[0] == pytest.approx(0.3, rel=1e-7)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"name": "dart"}, "XGBoost's booster dart"),
        ({"name": "gblinear"}, "XGBoost's booster gblinear"),
        ({"split_type": [1]}, "splits by categories"),
        ({"tree_param": {"size_leaf_vector": "3"}}, "leaves are vectors"),
        ({"objective": "rank:own"}, "objective rank:own"),
        ({"objective": "count:poisson", "base_score": 0.0}, "no finite margin"),
    ],
)
def test_refusals(settings, reason):
    with pytest.raises(Refusal, match=reason):
        Compiled(booster(**settings), "inplace_predict", DOUBLES)
