import numpy as np
import pytest
from compiled import OK, Compiled
from nb_native.code import Code
from nb_native.estimators.trees import rounded_down
from nb_native.refusal import Refusal
from samples import around, edges, with_missing
from stand_ins import DecisionTreeRegressor, HistGradientBoostingRegressor, RandomForestClassifier, random_tree

FEATURES = 5
DOUBLES = ["float64"] * FEATURES


@pytest.fixture
def rows():
    data = np.random.default_rng(0).normal(0, 1, (200, FEATURES))
    thresholds = np.round(np.linspace(-3, 3, 61), 1) + 0.1
    return np.concatenate([around(data, 500), edges(data, thresholds, 500), with_missing(around(data, 300))])


def trees(count, leaf, takes_missing=True):
    random = np.random.default_rng(1)
    made = [random_tree(random, FEATURES, 5, lambda: leaf(random)) for _ in range(count)]
    return [DecisionTreeRegressor(tree, FEATURES, takes_missing) for tree in made]


def test_a_trees_leaves_with_missing_values(rows):
    tree = trees(1, lambda random: [random.normal()])[0]
    native = Compiled(tree, "predict", DOUBLES)
    assert (native.results(rows) == tree.predict(rows)).all()


def test_a_forests_mean_shares_and_labels(rows):
    forest = RandomForestClassifier(trees(20, lambda random: random.dirichlet([1, 1, 1])), ["a", "b", "ü"])
    assert (Compiled(forest, "predict_proba", DOUBLES).results(rows) == forest.predict_proba(rows)).all()
    assert (Compiled(forest, "predict", DOUBLES).results(rows)[:] == forest.predict(rows)).all()


def test_counts_at_leaves_become_shares():
    # As before scikit-learn 1.3.
    forest = RandomForestClassifier(trees(3, lambda random: random.integers(1, 9, 2).astype(float)), [0, 1])
    answers = Compiled(forest, "predict_proba", DOUBLES).results(np.zeros((1, FEATURES)))
    assert answers.sum() == pytest.approx(1.0, abs=1e-15)


def test_sums_of_histogram_trees_in_double(rows):
    random = np.random.default_rng(2)
    made = [random_tree(random, FEATURES, 6, random.normal) for _ in range(15)]
    model = HistGradientBoostingRegressor(made, 0.25, FEATURES)
    assert (Compiled(model, "predict", DOUBLES).results(rows) == model.predict(rows)).all()


def test_a_tree_without_missing_values_fails_for_them_and_for_what_is_no_float32():
    tree = trees(1, lambda random: [random.normal()], takes_missing=False)[0]
    asked = np.zeros((4, FEATURES))
    asked[1, 2], asked[2, 0], asked[3, 4] = np.nan, np.inf, 1e39
    _, statuses = Compiled(tree, "predict", DOUBLES).ask(asked)
    assert [status == OK for status in statuses] == [True, False, False, False]


def test_rounding_down_keeps_each_comparison_with_a_float32():
    thresholds = np.array([0.1, -0.1, 1.0, 16777217.0, -16777217.0, 1e-46, -1e-46, 0.3])
    single = rounded_down(thresholds)
    for threshold, rounded in zip(thresholds, single, strict=True):
        near = np.float32(threshold)
        for x in (np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf))):
            assert (x <= rounded) == (float(x) <= threshold)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"n_outputs_": 2}, "a DecisionTreeRegressor with several outputs"),
        ({"n_features_in_": 4}, "a model of 4 features that gets 5"),
    ],
)
def test_refusals(change, reason):
    tree = trees(1, lambda random: [random.normal()])[0]
    for name, value in change.items():
        setattr(tree, name, value)
    with pytest.raises(Refusal, match=reason):
        Compiled(tree, "predict", DOUBLES)


def test_columns_of_categories_are_rejected():
    model = HistGradientBoostingRegressor([random_tree(np.random.default_rng(3), 2, 2, lambda: 1.0)], 0.0, 2)
    model._predictors[0][0].nodes["is_categorical"] = 1
    with pytest.raises(Refusal, match="splits by categories"):
        Compiled(model, "predict", ["float64"] * 2)


def test_tables_are_there_once():
    code = Code()
    assert code.table("index", [1, 2, 300]) == code.table("index", [1, 2, 300])
    assert "uint16_t" in code.tables[0]
    assert len(code.tables) == 1
