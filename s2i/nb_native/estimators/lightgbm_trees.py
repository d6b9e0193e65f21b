"""LightGBM's trees: doubles, and three ways to handle missing values.

From the library's source (4.6, include/LightGBM/tree.h): a value with a magnitude of at most 1e-35 is 0. Depending on
its missing type, a node treats NaN as 0 ("None"), sends NaN and 0 to the default side ("Zero"), or only NaN ("NaN"); a
set of categories contains neither NaN nor negative numbers.
"""

from nb_native.estimators import answers
from nb_native.estimators.forest import Forest, Leaf, Node
from nb_native.estimators.registry import form
from nb_native.estimators.rows import as_rows, declare, elements, row_of
from nb_native.refusal import Refusal

_IDENTITY = {
    "regression",
    "regression_l1",
    "huber",
    "fair",
    "quantile",
    "mape",
    "lambdarank",
    "rank_xendcg",
}
_EXPONENTIAL = {"poisson", "gamma", "tweedie"}
# 1e-35 as a float, which the library compares with.
_ALMOST_ZERO = "0x1.a95a5cp-117"


def _nodes(tree):
    """Return the Nodes and Leaves of a tree of dump_model, each with the indexes of its branches."""
    order, nodes = [tree["tree_structure"]], []
    for node in order:
        if "leaf_value" in node:
            if "leaf_coeff" in node:
                raise Refusal("a LightGBM model with linear leaves")
            nodes.append(Leaf(float(node["leaf_value"])))
            continue
        nodes.append(_node(node, len(order)))
        order += [node["left_child"], node["right_child"]]
    return nodes


def _node(node, left):
    if node["decision_type"] == "==":
        categories = frozenset(int(text) for text in node["threshold"].split("||") if text)
        return Node(node["split_feature"], 0.0, left, left + 1, categories=categories)
    if node["decision_type"] != "<=":
        raise Refusal(f"a LightGBM model that decides by {node['decision_type']}")
    threshold, default = float(node["threshold"]), bool(node["default_left"])
    kind = node["missing_type"]
    if kind not in ("None", "Zero", "NaN"):
        raise Refusal(f"a LightGBM model with missing values of type {kind}")
    missing = threshold >= 0.0 if kind == "None" else default
    return Node(node["split_feature"], threshold, left, left + 1, missing, default if kind == "Zero" else None)


def _sums(code, booster, rows):
    """Write the sum of all trees; return (name of the C array, its length, the model as a dict)."""
    if getattr(booster, "params", {}).get("pred_early_stop"):
        raise Refusal("a LightGBM model with early stopping of predictions")
    model = booster.dump_model()
    if model.get("pandas_categorical"):
        raise Refusal("a LightGBM model fitted with pandas's categories")
    # Column names are not compared. A column of None has dtype object, which it rejects.
    row = row_of(code, rows, model["max_feature_idx"] + 1, takes_null=False)
    array = _without_tiny(code, row)
    width = model["num_tree_per_iteration"]
    sums = code.name("s")
    code.line(f"double {sums}[{width}] = {{ 0.0 }};")
    trees = [_nodes(tree) for tree in model["tree_info"]]
    if trees:
        loop = Forest(trees, "double", at_threshold="left").loop(code, array, width)
        with code.block(loop.head):
            code.line(f"{sums}[{loop.turn}] += {loop.value};")
    if model.get("average_output"):
        with code.block(f"for (int k = 0; k < {width}; k++)"):
            code.line(f"{sums}[k] /= {float(len(trees) // width)};")
    return sums, width, model


def _without_tiny(code, row):
    """Return the name of an array of the row's doubles, with 0 for values so small that LightGBM treats them as 0."""
    # Booster.predict converts an integer array to float32, and an integer DataFrame to float64.
    is_float = row.names is None and row.dtype in ("int64", "bool", "float32")
    array = declare(code, row, "float" if is_float else "double")
    count = len(row.numbers)
    name = code.name("x")
    code.line(f"double {name}[{count}];")
    with code.block(f"for (int i = 0; i < {count}; i++)"):
        code.line(f"{name}[i] = nb_fabs({array}[i]) <= {_ALMOST_ZERO} ? 0.0 : {array}[i];")
    return name


def _transformed(code, sums, width, model):
    """Apply the objective's transformation to sums in place; return its name."""
    name, *settings = model.get("objective", "").split()
    options = dict(setting.partition(":")[::2] for setting in settings)
    if name == "multiclass":
        answers.softmax(code, sums, width)
        return name
    if name in ("binary", "multiclassova", "cross_entropy", "xentropy"):
        factor = float(options.get("sigmoid", 1.0))
        expression = f"1.0 / (1.0 + nb_exp({(-factor).hex()} * {sums}[k]))"
    elif name in _EXPONENTIAL:
        expression = f"nb_exp({sums}[k])"
    elif name == "regression" and "sqrt" in options:
        expression = f"({sums}[k] > 0.0 ? {sums}[k] : -{sums}[k]) * {sums}[k]"
    elif name in _IDENTITY:
        return name
    else:
        raise Refusal(f"LightGBM's objective {name}" if name else "a custom LightGBM objective")
    with code.block(f"for (int k = 0; k < {width}; k++)"):
        code.line(f"{sums}[k] = {expression};")
    return name


def _answer(sums, width):
    numbers = elements(sums, width, "float64")
    return as_rows(numbers) if width > 1 else as_rows(numbers).items[0]


@form("lightgbm", ["Booster"], "predict")
def _booster_predict(code, booster, rows):
    sums, width, model = _sums(code, booster, rows)
    _transformed(code, sums, width, model)
    return _answer(sums, width)


def _of_estimator(code, estimator, rows):
    if callable(getattr(estimator, "_objective", None)):
        raise Refusal(f"{type(estimator).__name__} with a custom objective")
    sums, width, model = _sums(code, estimator.booster_, rows)
    return sums, width, _transformed(code, sums, width, model)


@form("lightgbm", ["LGBMRegressor", "LGBMRanker"], "predict")
def _predict_number(code, estimator, rows):
    sums, width, _ = _of_estimator(code, estimator, rows)
    return _answer(sums, width)


def _class_shares(code, estimator, rows):
    """Write probabilities; return (name of the C array, its length): one for two classes."""
    sums, width, objective = _of_estimator(code, estimator, rows)
    if objective not in ("binary", "multiclass", "multiclassova"):
        raise Refusal(f"LGBMClassifier of {objective}")
    return sums, width


@form("lightgbm", ["LGBMClassifier"], "predict_proba")
def _predict_shares(code, estimator, rows):
    sums, width = _class_shares(code, estimator, rows)
    return answers.pair(code, "float64", f"{sums}[0]") if width == 1 else answers.probabilities(sums, width)


@form("lightgbm", ["LGBMClassifier"], "predict")
def _predict_class(code, estimator, rows):
    sums, width = _class_shares(code, estimator, rows)
    if width == 1:
        return answers.label(code, estimator, f"{sums}[0] > 1.0 - {sums}[0]")
    return answers.label(code, estimator, answers.argmax(code, sums, width))
