"""XGBoost's trees: float32 throughout, in the library's own order.

From the library's source (3.2, src/predictor/cpu_predictor.cc): a sum starts with the base score as a margin, and the
leaf of one tree after another is added; a row goes left below a threshold, and a missing value to the side that its
node sets.
"""

import ctypes
import json
import math

from nb_native.estimators import answers
from nb_native.estimators.forest import Forest, Leaf, Node
from nb_native.estimators.registry import form
from nb_native.estimators.rows import as_rows, declare, elements, row_of
from nb_native.refusal import Refusal
from nb_native.values import Vector

# The objective's transformation of a margin, and its inverse for the base score.
_IDENTITY = {
    "reg:squarederror",
    "reg:linear",
    "reg:squaredlogerror",
    "reg:pseudohubererror",
    "reg:absoluteerror",
    "reg:quantileerror",
    "binary:logitraw",
    "rank:pairwise",
    "rank:ndcg",
    "rank:map",
}
_LOGISTIC = {"binary:logistic", "reg:logistic"}
_EXPONENTIAL = {"count:poisson", "reg:gamma", "reg:tweedie", "survival:cox"}
_SOFTMAX = {"multi:softprob", "multi:softmax"}

_SIGMOID = """\
/* Return the probability of a margin, as XGBoost's Sigmoid: the least that is added keeps 1 / 0 away. */
static float $name(float margin)
{
    float x = -margin < 88.7f ? -margin : 88.7f;
    return 1.0f / (nb_expf(x) + 1.0f + 1e-16f);
}"""
_SOFTMAX_FUNCTION = """\
/* Turn margins into probabilities, as XGBoost's Softmax: floats whose sum is a double. */
static void $name(float *margins, int count)
{
    float largest = margins[0];
    for (int k = 1; k < count; k++) {
        largest = margins[k] > largest ? margins[k] : largest;
    }
    double sum = 0.0;
    for (int k = 0; k < count; k++) {
        margins[k] = nb_expf(margins[k] - largest);
        sum += margins[k];
    }
    for (int k = 0; k < count; k++) {
        margins[k] /= (float)sum;
    }
}"""
_CLASSIFIERS = ("XGBClassifier", "XGBRFClassifier")


class _Model:
    """A booster, read from its JSON: trees, groups, objective, base margins."""

    def __init__(self, booster):
        try:
            raw = booster.save_raw("json")
        except TypeError:
            raise Refusal("XGBoost before 1.6, which can't export its trees as JSON") from None
        learner = json.loads(bytes(raw).decode())["learner"]
        gradient_booster = learner["gradient_booster"]
        if gradient_booster["name"] != "gbtree":
            raise Refusal(f"XGBoost's booster {gradient_booster['name']}")
        model = gradient_booster["model"]
        parameters = learner["learner_model_param"]
        if int(parameters.get("num_target", "1")) > 1:
            raise Refusal("an XGBoost model of several targets")
        self.objective = learner["objective"]["name"]
        self.features = int(parameters["num_feature"])
        self.names = learner.get("feature_names") or None
        self.groups = max(1, int(parameters["num_class"]))
        self.trees = model["trees"]
        self.tree_groups = model["tree_info"]
        self._best = learner.get("attributes", {}).get("best_iteration")
        self._parallel = int(model["gbtree_model_param"].get("num_parallel_tree", "1"))
        # One number, or since 3.1 text with a list of one per group.
        base_scores = parameters["base_score"].strip("[]").split(",")
        self.base_margins = [self._margin_of(float(score)) for score in base_scores]
        if len(self.base_margins) == 1:
            self.base_margins *= self.groups
        if self.objective in _IDENTITY | _LOGISTIC | _EXPONENTIAL | {"binary:hinge"} and self.groups != 1:
            raise Refusal(f"an XGBoost model of {self.objective} with several outputs")

    def keep_best(self):
        """Drop the trees after the best iteration, like scikit-learn's interface after early stopping."""
        if self._best is not None:
            count = (int(self._best) + 1) * self._parallel * self.groups
            self.trees, self.tree_groups = self.trees[:count], self.tree_groups[:count]

    def _margin_of(self, score):
        score = ctypes.c_float(score).value
        if self.objective in _IDENTITY | _SOFTMAX | {"binary:hinge"}:
            return score
        if self.objective in _LOGISTIC:
            # Only 3.1 and later keep away from 0 and 1; others return infinity there.
            score = ctypes.c_float(min(max(score, ctypes.c_float(1e-6).value), ctypes.c_float(1 - 1e-6).value)).value
            quotient = ctypes.c_float(1.0 / score).value
            return -_logf(ctypes.c_float(quotient - 1.0).value)
        if self.objective in _EXPONENTIAL:
            return _logf(score)
        raise Refusal(f"XGBoost's objective {self.objective}")


def _logf(x):
    """Return the logarithm in single precision, like XGBoost's: from the C library that both have loaded."""
    logf = ctypes.CDLL(None).logf
    logf.restype, logf.argtypes = ctypes.c_float, [ctypes.c_float]
    result = logf(x)
    if not math.isfinite(result):
        raise Refusal("an XGBoost model whose base score has no finite margin")
    return result


def _tree(tree):
    """Return the Nodes and Leaves of a JSON tree."""
    if any(tree.get("split_type", ())):
        raise Refusal("an XGBoost model that splits by categories")
    if int(tree["tree_param"].get("size_leaf_vector", "1")) > 1:
        raise Refusal("an XGBoost model whose leaves are vectors")
    keys = ("left_children", "right_children", "split_indices", "split_conditions", "default_left")
    return [
        Leaf(condition) if left == -1 else Node(feature, condition, left, right, bool(missing_left))
        for left, right, feature, condition, missing_left in zip(*(tree[key] for key in keys))
    ]


def _margins(code, model, rows, missing=math.nan, rejects_infinity=False):
    """Write the sum of all trees; return the name of the C array with one margin per group."""
    # A column of None has dtype object, which it rejects.
    row = row_of(code, rows, model.features, model.names, takes_null=False)
    array = declare(code, row, "float")
    if rejects_infinity:
        with code.block(f"for (int i = 0; i < {model.features}; i++)"), code.block(f"if (nb_is_infinite({array}[i]))"):
            code.line("return NB_FAILED;")
    if not math.isnan(missing):
        array = _without_missing(code, array, model.features, missing)
    margins = code.name("s")
    count = model.groups
    starts = ", ".join(f"{margin.hex()}f" for margin in model.base_margins)
    code.line(f"float {margins}[{count}] = {{ {starts} }};")
    if not model.trees:
        return margins
    in_turn = all(number == place % count for place, number in enumerate(model.tree_groups))
    forest = Forest([_tree(tree) for tree in model.trees], "float")
    loop = forest.loop(code, array, count if in_turn else 1)
    group = loop.turn if in_turn else code.table("index", model.tree_groups) + "[tree]"
    with code.block(loop.head):
        code.line(f"{margins}[{group}] += {loop.value};")
    return margins


def _without_missing(code, array, count, missing):
    """Return the name of a copy in which the values that `missing` specifies are NaN."""
    name = code.name("x")
    code.line(f"float {name}[{count}];")
    marker = f"{ctypes.c_float(missing).value.hex()}f"
    with code.block(f"for (int i = 0; i < {count}; i++)"):
        code.line(f"{name}[i] = {array}[i] == {marker} ? (float)NB_NAN : {array}[i];")
    return name


def _transform(code, model, margins):
    """Convert margins to the result of a Booster's `predict`: a Vector of one Number, or of one row."""
    count = model.groups
    if model.objective in _SOFTMAX:
        if model.objective == "multi:softmax":
            return Vector((code.number("float32", f"(float){answers.argmax(code, margins, count)}"),), "array")
        code.line(f"{code.function(_SOFTMAX_FUNCTION)}({margins}, {count});")
        return as_rows(elements(margins, count, "float32"))
    margin = f"{margins}[0]"
    if model.objective in _LOGISTIC:
        margin = f"{code.function(_SIGMOID)}({margin})"
    elif model.objective in _EXPONENTIAL:
        margin = f"nb_expf({margin})"
    elif model.objective == "binary:hinge":
        margin = f"({margin} > 0.0f ? 1.0f : 0.0f)"
    return answers.number(code, "float32", margin)


@form("xgboost", ["Booster"], "inplace_predict")
def _inplace_predict(code, booster, rows):
    model = _Model(booster)
    return _transform(code, model, _margins(code, model, rows))


@form("xgboost", ["Booster"], "predict")
def _booster_predict(code, booster, rows):
    # The row becomes a DMatrix, which rejects infinity.
    model = _Model(booster)
    return _transform(code, model, _margins(code, model, rows, rejects_infinity=True))


def _of_estimator(code, estimator, rows):
    """Write the booster call of a scikit-learn interface's estimator; return (its Model, name of the margins)."""
    model = _Model(estimator.get_booster())
    model.keep_best()
    missing = estimator.missing
    return model, _margins(code, model, rows, math.nan if missing is None else float(missing))


@form("xgboost", ["XGBRegressor", "XGBRFRegressor", "XGBRanker"], "predict")
def _predict_number(code, estimator, rows):
    return _transform(code, *_of_estimator(code, estimator, rows))


@form("xgboost", _CLASSIFIERS, "predict")
def _predict_class(code, estimator, rows):
    _reject_own_labels(estimator)
    model, margins = _of_estimator(code, estimator, rows)
    answer = _transform(code, model, margins)
    if model.objective == "multi:softprob":
        # Compares probabilities instead of margins: different margins may have the same probability.
        return Vector((code.number("int64", answers.argmax(code, margins, model.groups)),), "array")
    if model.objective in _LOGISTIC:
        return Vector((code.number("int64", f"{answer.items[0].code} > 0.5f"),), "array")
    raise Refusal(f"XGBClassifier.predict of {model.objective}")


@form("xgboost", _CLASSIFIERS, "predict_proba")
def _predict_probabilities(code, estimator, rows):
    model, margins = _of_estimator(code, estimator, rows)
    answer = _transform(code, model, margins)
    if model.objective == "multi:softprob":
        return answer
    if model.objective in _LOGISTIC:
        second = answer.items[0]
        return as_rows([code.number("float32", f"1.0f - {second.code}"), second])
    raise Refusal(f"XGBClassifier.predict_proba of {model.objective}")


def _reject_own_labels(estimator):
    """Raise Refusal if classes are not 0, 1, …: before 1.6 XGBoost's own encoder accepted any."""
    if list(estimator.classes_) != list(range(len(estimator.classes_))):
        raise Refusal("an XGBoost model with labels of its own")
