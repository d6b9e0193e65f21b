"""scikit-learn's trees and ensembles of them: forests, boosting, isolation.

A row is float32 here and thresholds are double, except with histograms, where both are double. As x <= t for a float32
x equals x <= t rounded down to float32, float32 tables suffice. Leaves hold the index of an outcome: the double, or the
class shares, that scikit-learn adds up, tree after tree.
"""

import warnings

import numpy as np

from nb_native.estimators import answers
from nb_native.estimators.forest import Forest, Leaf, Node
from nb_native.estimators.registry import form
from nb_native.estimators.rows import as_rows, check_finite, declare, elements, row_for
from nb_native.refusal import Refusal
from nb_native.values import Label, Vector

_TREE_CLASSIFIERS = ("DecisionTreeClassifier", "ExtraTreeClassifier")
_TREE_REGRESSORS = ("DecisionTreeRegressor", "ExtraTreeRegressor")
_FOREST_CLASSIFIERS = ("ExtraTreesClassifier", "RandomForestClassifier")
_FOREST_REGRESSORS = ("ExtraTreesRegressor", "RandomForestRegressor")
FORESTS = (*_TREE_CLASSIFIERS, *_TREE_REGRESSORS, *_FOREST_CLASSIFIERS, *_FOREST_REGRESSORS)
# Constant for all rows, so one call is enough.
_CONSTANT_STRATEGIES = ("prior", "most_frequent", "constant", "mean", "median", "quantile")


def rounded_down(thresholds):
    """Return the largest float32 values that are not greater than these doubles."""
    with np.errstate(over="ignore"):
        single = thresholds.astype(np.float32)
    return np.where(single > thresholds, np.nextafter(single, np.float32(-np.inf)), single)


def takes_missing(tree):
    """Return whether scikit-learn passes NaN to this tree: since 1.3, and not with all settings."""
    asks = getattr(tree, "_support_missing_values", None)
    return asks is not None and bool(asks(np.zeros((1, 1), np.float32)))


def _nodes(tree, outcome_of, features=None):
    """Return the Nodes and Leaves of a fitted tree; a leaf's value is `outcome_of` its index.

    `features` are the columns that the tree was fitted with, if not all.
    """
    inner = tree.tree_
    lefts, rights = inner.children_left.tolist(), inner.children_right.tolist()
    columns = inner.feature if features is None else np.asarray(features)[inner.feature]
    thresholds = rounded_down(inner.threshold).tolist()
    missing = _missing_left(tree).tolist()
    rows = zip(lefts, rights, columns.tolist(), thresholds, missing)
    return [
        Leaf(float(outcome_of(place))) if left == -1 else Node(column, threshold, left, right, bool(missing_left))
        for place, (left, right, column, threshold, missing_left) in enumerate(rows)
    ]


def _missing_left(tree):
    state = tree.tree_.__getstate__()["nodes"] if hasattr(tree.tree_, "__getstate__") else None
    if state is None or "missing_go_to_left" not in state.dtype.names or not takes_missing(tree):
        return np.zeros(tree.tree_.node_count, bool)
    return state["missing_go_to_left"].astype(bool)


def _reject_several_outputs(estimator):
    if getattr(estimator, "n_outputs_", 1) != 1:
        raise Refusal(f"a {type(estimator).__name__} with several outputs")


def _row_array(code, estimator, rows, missing):
    row = row_for(code, estimator, rows)
    array = declare(code, row, "float")
    check_finite(code, row, array, missing)
    return array


class _Outcomes:
    """The distinct outcomes of leaves."""

    def __init__(self):
        self._places = {}

    def place(self, values):
        """Return the index of an outcome, a tuple of doubles."""
        return self._places.setdefault(values, len(self._places))

    def table(self, code):
        """Return the name of the table of all outcomes."""
        return code.table("double", [value for values in self._places for value in values])


def _sums(code, trees, array, width, values_of, start=None, features=None):
    """Write the sum of all trees' outcomes; return the name of the C array, of `width` doubles.

    `values_of` returns the outcomes of a tree's nodes, an array with rows of `width` or 1; if it is 1 and the sum
    wider, trees are added in rotation. `start` contains the initial sums, zeros for None.
    """
    outcomes = _Outcomes()
    laid = []
    for number, tree in enumerate(trees):
        values = [tuple(row) for row in values_of(tree, number).tolist()]
        laid.append(
            _nodes(tree, lambda place, values=values: outcomes.place(values[place]), features and features[number])
        )
    each = len(values[0])
    has_all_sums = each == width > 1  # a leaf has a value per sum; boosted trees add to the sums in rotation
    loop = Forest(laid, "float", at_threshold="left").loop(code, array, 1 if has_all_sums else width)
    table = outcomes.table(code)
    sums = code.name("s")
    starts = ", ".join(float(value).hex() for value in (start if start is not None else [0.0] * width))
    code.line(f"double {sums}[{width}] = {{ {starts} }};")
    with code.block(loop.head):
        if has_all_sums:
            code.line(f"const double *outcome = {table} + {width} * (int){loop.value};")
            with code.block(f"for (int k = 0; k < {width}; k++)"):
                code.line(f"{sums}[k] += outcome[k];")
        else:
            code.line(f"{sums}[{loop.turn}] += {table}[(int){loop.value}];")
    return sums


def _shares(tree, count):
    """Return the class shares at each node of a classifier; before 1.3 they were counts."""
    values = tree.tree_.value[:, 0, :count]
    totals = values.sum(axis=1)
    if np.abs(totals - 1.0).max() > 1e-6:
        values = values / np.where(totals == 0.0, 1.0, totals)[:, None]
    return values


def _class_shares(code, estimator, rows):
    """Write the shares of the classes; return (name of the C array, its length)."""
    _reject_several_outputs(estimator)
    count = answers.count_of_classes(estimator)
    trees = getattr(estimator, "estimators_", [estimator])
    array = _row_array(code, estimator, rows, takes_missing(trees[0]))
    sums = _sums(code, trees, array, count, lambda tree, _: _shares(tree, count))
    if trees[0] is not estimator:
        with code.block(f"for (int k = 0; k < {count}; k++)"):
            code.line(f"{sums}[k] /= {float(len(trees))};")
    return sums, count


@form("sklearn", _TREE_CLASSIFIERS + _FOREST_CLASSIFIERS, "predict_proba")
def _predict_shares(code, estimator, rows):
    return answers.probabilities(*_class_shares(code, estimator, rows))


@form("sklearn", _TREE_CLASSIFIERS + _FOREST_CLASSIFIERS, "predict")
def _predict_class(code, estimator, rows):
    sums, count = _class_shares(code, estimator, rows)
    return answers.label(code, estimator, answers.argmax(code, sums, count))


@form("sklearn", _TREE_REGRESSORS + _FOREST_REGRESSORS, "predict")
def _predict_number(code, estimator, rows):
    _reject_several_outputs(estimator)
    trees = getattr(estimator, "estimators_", [estimator])
    array = _row_array(code, estimator, rows, takes_missing(trees[0]))
    sums = _sums(code, trees, array, 1, lambda tree, _: tree.tree_.value[:, 0, :1])
    quotient = f"{sums}[0]" if trees[0] is estimator else f"{sums}[0] / {float(len(trees))}"
    return answers.number(code, "float64", quotient)


def _boosted(code, estimator, rows):
    """Write the raw predictions of gradient boosting; return (name of the C array, its length)."""
    strategy = getattr(estimator.init_, "strategy", None)
    is_dummy = type(estimator.init_).__name__ in ("DummyClassifier", "DummyRegressor")
    if not (isinstance(estimator.init_, str) or (is_dummy and strategy in _CONSTANT_STRATEGIES)):
        raise Refusal(f"{type(estimator).__name__} with an initial estimator")
    stages = estimator.estimators_
    # The trees would accept these values, but the estimator has rejected them.
    array = _row_array(code, estimator, rows, missing=False)
    width = stages.shape[1]
    with warnings.catch_warnings():
        # About column names, which an array doesn't have.
        warnings.simplefilter("ignore")
        start = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), np.float32))[0]
    rate = float(estimator.learning_rate)
    return _sums(
        code, stages.ravel(), array, width, lambda tree, _: rate * tree.tree_.value[:, 0, :1], start=start
    ), width


@form("sklearn", ["GradientBoostingRegressor"], "predict")
def _boosted_number(code, estimator, rows):
    sums, _ = _boosted(code, estimator, rows)
    return answers.number(code, "float64", f"{sums}[0]")


@form("sklearn", ["GradientBoostingClassifier"], "decision_function")
def _boosted_decision(code, estimator, rows):
    return _decision(*_boosted(code, estimator, rows))


@form("sklearn", ["GradientBoostingClassifier"], "predict")
def _boosted_class(code, estimator, rows):
    sums, width = _boosted(code, estimator, rows)
    return answers.label(code, estimator, f"{sums}[0] >= 0.0" if width == 1 else answers.argmax(code, sums, width))


@form("sklearn", ["GradientBoostingClassifier"], "predict_proba")
def _boosted_shares(code, estimator, rows):
    if estimator.loss not in ("log_loss", "deviance", "exponential"):
        raise Refusal(f"GradientBoostingClassifier.predict_proba with loss={estimator.loss!r}")
    sums, width = _boosted(code, estimator, rows)
    return _probabilities(code, sums, width, 2.0 if estimator.loss == "exponential" else 1.0)


def _decision(sums, width):
    numbers = elements(sums, width, "float64")
    return Vector(tuple(numbers), "array") if width == 1 else as_rows(numbers)


def _probabilities(code, sums, width, factor=1.0):
    """Return raw predictions as probabilities: the logistic function for one, softmax for several."""
    if width == 1:
        raw = f"{sums}[0]" if factor == 1.0 else f"{factor} * {sums}[0]"
        return answers.pair(code, "float64", f"1.0 / (1.0 + nb_exp(-({raw})))")
    answers.softmax(code, sums, width)
    return answers.probabilities(sums, width)


def _histogram_tree(predictor):
    """Return the Nodes and Leaves of a histogram tree, whose nodes each have a side for NaN."""
    nodes = predictor.nodes
    if nodes["is_categorical"].any():
        raise Refusal("histogram gradient boosting that splits by categories")
    keys = ("is_leaf", "value", "feature_idx", "num_threshold", "left", "right", "missing_go_to_left")
    return [
        Leaf(value) if is_leaf else Node(feature, threshold, left, right, bool(missing_left))
        for is_leaf, value, feature, threshold, left, right, missing_left in zip(*(nodes[key].tolist() for key in keys))
    ]


def _histogram_sums(code, estimator, rows):
    """Write the raw predictions of histogram gradient boosting; return (name of the C array, its length)."""
    if getattr(estimator, "_preprocessor", None) is not None:
        raise Refusal(f"{type(estimator).__name__} with columns of categories")
    width = estimator.n_trees_per_iteration_
    # All numbers, NaN and infinity are allowed.
    array = declare(code, row_for(code, estimator, rows))
    trees = [_histogram_tree(predictor) for iteration in estimator._predictors for predictor in iteration]
    sums = code.name("s")
    starts = np.broadcast_to(np.ravel(estimator._baseline_prediction), (width,))
    code.line(f"double {sums}[{width}] = {{ {', '.join(float(value).hex() for value in starts)} }};")
    loop = Forest(trees, "double", at_threshold="left").loop(code, array, width)
    with code.block(loop.head):
        code.line(f"{sums}[{loop.turn}] += {loop.value};")
    return sums, width


@form("sklearn", ["HistGradientBoostingRegressor"], "predict")
def _histogram_number(code, estimator, rows):
    sums, _ = _histogram_sums(code, estimator, rows)
    link = type(estimator._loss.link).__name__
    if link not in ("IdentityLink", "LogLink"):
        raise Refusal(f"HistGradientBoostingRegressor with loss={estimator.loss!r}")
    return answers.number(code, "float64", f"{sums}[0]" if link == "IdentityLink" else f"nb_exp({sums}[0])")


@form("sklearn", ["HistGradientBoostingClassifier"], "decision_function")
def _histogram_decision(code, estimator, rows):
    return _decision(*_histogram_sums(code, estimator, rows))


@form("sklearn", ["HistGradientBoostingClassifier"], "predict")
def _histogram_class(code, estimator, rows):
    sums, width = _histogram_sums(code, estimator, rows)
    return answers.label(code, estimator, f"{sums}[0] > 0.0" if width == 1 else answers.argmax(code, sums, width))


@form("sklearn", ["HistGradientBoostingClassifier"], "predict_proba")
def _histogram_shares(code, estimator, rows):
    return _probabilities(code, *_histogram_sums(code, estimator, rows))


def _isolation_score(code, estimator, rows):
    """Write the score of a row: minus 2 to the power of minus its mean depth; return a C expression."""
    depths = getattr(estimator, "_decision_path_lengths", None)
    if depths is None:
        raise Refusal("IsolationForest of scikit-learn before 1.3")
    row = row_for(code, estimator, rows)
    array = declare(code, row, "float")
    if not takes_missing(estimator.estimators_[0]):
        check_finite(code, row, array)
    paths = estimator._average_path_length_per_tree
    sums = _sums(
        code,
        estimator.estimators_,
        array,
        1,
        lambda _, number: ((depths[number] + paths[number]) - 1.0)[:, None],
        features=estimator.estimators_features_,
    )
    denominator = len(estimator.estimators_) * _path_length(estimator._max_samples)
    share = f"{sums}[0] / {denominator.hex()}" if denominator else "1.0"
    return code.number("float64", f"-nb_pow(2.0, -({share}))").code


def _path_length(samples):
    """Return the mean path length in a tree of this many samples, like _average_path_length."""
    if samples <= 2:
        return float(samples == 2)
    rest = samples - 1.0
    return float(2.0 * (np.log(rest) + np.euler_gamma) - 2.0 * rest / samples)


@form("sklearn", ["IsolationForest"], "score_samples")
def _isolation_samples(code, estimator, rows):
    return answers.number(code, "float64", _isolation_score(code, estimator, rows))


@form("sklearn", ["IsolationForest"], "decision_function")
def _isolation_decision(code, estimator, rows):
    score = _isolation_score(code, estimator, rows)
    return answers.number(code, "float64", f"{score} - {answers.literal_of(estimator.offset_)}")


@form("sklearn", ["IsolationForest"], "predict")
def _isolation_label(code, estimator, rows):
    score = _isolation_score(code, estimator, rows)
    is_outlier = code.number("int64", f"{score} - {answers.literal_of(estimator.offset_)} < 0.0")
    return Vector((Label(is_outlier.code, (1, -1)),), "array")
