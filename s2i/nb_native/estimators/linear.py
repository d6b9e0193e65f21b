"""Linear models: products of a row with coefficients, and the classifiers' use of these scores."""

import numpy as np

from nb_native.estimators import answers
from nb_native.estimators.registry import form
from nb_native.estimators.rows import as_rows, elements, float64_array, row_for
from nb_native.estimators.tables import indexed_table
from nb_native.refusal import Refusal
from nb_native.values import Sparse, Vector

# All of these have the `predict` of scikit-learn's LinearModel.
REGRESSORS = (
    "ARDRegression",
    "BayesianRidge",
    "ElasticNet",
    "ElasticNetCV",
    "HuberRegressor",
    "Lars",
    "LarsCV",
    "Lasso",
    "LassoCV",
    "LassoLars",
    "LassoLarsCV",
    "LassoLarsIC",
    "LinearRegression",
    "LinearSVR",
    "OrthogonalMatchingPursuit",
    "OrthogonalMatchingPursuitCV",
    "PassiveAggressiveRegressor",
    "QuantileRegressor",
    "Ridge",
    "RidgeCV",
    "SGDRegressor",
    "TheilSenRegressor",
)
# All of these have a log link.
_EXPONENTIAL = ("GammaRegressor", "PoissonRegressor")
# All of these have the `predict` and `decision_function` of scikit-learn's LinearClassifierMixin.
_LOGISTIC = ("LogisticRegression", "LogisticRegressionCV")
CLASSIFIERS = (
    *_LOGISTIC,
    "LinearDiscriminantAnalysis",
    "LinearSVC",
    "PassiveAggressiveClassifier",
    "Perceptron",
    "RidgeClassifier",
    "RidgeClassifierCV",
    "SGDClassifier",
)


def write_products(code, array, coefficients, intercepts):
    """Write `array` times the rows of `coefficients`, plus `intercepts`; return the name of the array of doubles."""
    outputs, features = coefficients.shape
    scores = code.name("s")
    table = code.table("double", coefficients.ravel())
    starts = code.table("double", intercepts)
    code.line(f"double {scores}[{outputs}];")
    with code.block(f"for (int k = 0; k < {outputs}; k++)"):
        code.line("double sum = 0.0;")
        with code.block(f"for (int i = 0; i < {features}; i++)"):
            code.line(f"sum += {array}[i] * {table}[{features} * k + i];")
        code.line(f"{scores}[k] = sum + {starts}[k];")
    return scores


def write_sparse_products(code, row, coefficients, intercepts):
    """Write the same for a Sparse, in the order in which scipy adds the products of its entries."""
    outputs, features = coefficients.shape
    if row.width != features:
        raise Refusal(f"a model of {features} features that gets {row.width}")
    scores = code.name("s")
    # The coefficients of a feature are adjacent.
    weight = indexed_table(code, "double", coefficients.T.ravel().tolist())
    starts = code.table("double", intercepts)
    code.line(f"double {scores}[{outputs}] = {{ 0.0 }};")
    with code.block(f"for (uint32_t i = 0; i < {row.length}; i++)"), code.block(f"for (int k = 0; k < {outputs}; k++)"):
        code.line(f"{scores}[k] += {row.code}[i].number * {weight(f'(size_t){row.code}[i].feature * {outputs} + k')};")
    with code.block(f"for (int k = 0; k < {outputs}; k++)"):
        code.line(f"{scores}[k] += {starts}[k];")
    return scores


def _scores(code, estimator, rows):
    """Write the products of a row and an estimator's coefficients; return (name of the C array, its length)."""
    if hasattr(estimator.coef_, "toarray"):
        raise Refusal(f"{type(estimator).__name__} with sparse coefficients: call densify() first")
    coefficients = np.asarray(estimator.coef_)
    intercepts = np.ravel(np.asarray(estimator.intercept_, dtype=float))
    if isinstance(rows, Sparse):
        coefficients = np.atleast_2d(coefficients).astype(float)
        outputs = len(coefficients)
        if len(intercepts) == 1:
            intercepts = np.repeat(intercepts, outputs)
        return write_sparse_products(code, rows, coefficients, intercepts), outputs
    row = row_for(code, estimator, rows)
    if row.dtype == "float32" and str(coefficients.dtype) == "float32":
        raise Refusal(f"{type(estimator).__name__} of float32 given float32")
    # numpy multiplies in double precision if one side has it.
    coefficients = np.atleast_2d(coefficients).astype(float)
    outputs, features = coefficients.shape
    if len(row.numbers) != features:
        raise Refusal(f"a model of {features} features that gets {len(row.numbers)}")
    if len(intercepts) == 1:
        intercepts = np.repeat(intercepts, outputs)
    array = float64_array(code, row)
    return write_products(code, array, coefficients, intercepts), outputs


@form("sklearn", REGRESSORS, "predict")
def _predict_number(code, estimator, rows):
    scores, outputs = _scores(code, estimator, rows)
    if np.ndim(estimator.coef_) == 1 or type(estimator).__name__ == "SGDRegressor":
        return Vector(tuple(elements(scores, outputs, "float64")), "array")
    # The estimator was fitted with a table of targets, even if that has only one column.
    return as_rows(elements(scores, outputs, "float64"))


@form("sklearn", _EXPONENTIAL, "predict")
def _predict_exponential(code, estimator, rows):
    scores, _ = _scores(code, estimator, rows)
    return answers.number(code, "float64", f"nb_exp({scores}[0])")


def _class_scores(code, estimator, rows):
    """Return (name of the C array of scores, its length): one for two classes, else one per class."""
    binarizer = getattr(estimator, "_label_binarizer", None)
    if str(getattr(binarizer, "y_type_", "")).startswith("multilabel"):
        raise Refusal(f"{type(estimator).__name__} with several labels per sample")
    scores, outputs = _scores(code, estimator, rows)
    classes = answers.count_of_classes(estimator)
    if outputs != (1 if classes == 2 else classes):
        raise Refusal(f"{type(estimator).__name__} of {classes} classes with {outputs} scores")
    return scores, outputs


@form("sklearn", CLASSIFIERS, "decision_function")
def _decision(code, estimator, rows):
    scores, outputs = _class_scores(code, estimator, rows)
    numbers = elements(scores, outputs, "float64")
    return Vector(tuple(numbers), "array") if outputs == 1 else as_rows(numbers)


@form("sklearn", CLASSIFIERS, "predict")
def _predict_class(code, estimator, rows):
    scores, outputs = _class_scores(code, estimator, rows)
    if outputs == 1:
        return answers.label(code, estimator, f"{scores}[0] > 0.0")
    return answers.label(code, estimator, answers.argmax(code, scores, outputs))


@form("sklearn", _LOGISTIC, "predict_proba")
def _logistic_probabilities(code, estimator, rows):
    scores, outputs = _class_scores(code, estimator, rows)
    if _is_one_against_rest(estimator, outputs):
        return _one_against_rest(code, scores, outputs)
    if outputs == 1:
        # Two classes are treated like several: their scores are -d and d.
        both = code.name("s")
        code.line(f"double {both}[2] = {{ -{scores}[0], {scores}[0] }};")
        scores, outputs = both, 2
    answers.softmax(code, scores, outputs)
    return answers.probabilities(scores, outputs)


def _is_one_against_rest(estimator, outputs):
    # Before 1.8, a parameter selects multinomial probabilities; since then, there is no other way.
    choice = getattr(estimator, "multi_class", None)
    if choice is None:
        return outputs == 1
    if choice in ("auto", "deprecated"):
        return outputs == 1 or estimator.solver == "liblinear"
    if choice not in ("ovr", "multinomial"):
        raise Refusal(f"LogisticRegression with multi_class={choice!r}")
    return choice == "ovr"


@form("sklearn", ["LinearDiscriminantAnalysis"], "predict_proba")
def _discriminant_probabilities(code, estimator, rows):
    scores, outputs = _class_scores(code, estimator, rows)
    if outputs == 1:
        return _one_against_rest(code, scores, 1)
    answers.softmax(code, scores, outputs)
    return answers.probabilities(scores, outputs)


@form("sklearn", ["SGDClassifier"], "predict_proba")
def _descent_probabilities(code, estimator, rows):
    scores, outputs = _class_scores(code, estimator, rows)
    if estimator.loss in ("log", "log_loss"):
        return _one_against_rest(code, scores, outputs)
    if estimator.loss != "modified_huber":
        raise Refusal(f"SGDClassifier.predict_proba with loss={estimator.loss!r}")
    with code.block(f"for (int k = 0; k < {outputs}; k++)"):
        code.line(f"double score = {scores}[k] < -1.0 ? -1.0 : {scores}[k] > 1.0 ? 1.0 : {scores}[k];")
        code.line(f"{scores}[k] = (score + 1.0) / 2.0;")
    return _shares(code, scores, outputs)


def _one_against_rest(code, scores, outputs):
    """Return probabilities of scores: the logistic function of each, normalised if there are several."""
    with code.block(f"for (int k = 0; k < {outputs}; k++)"):
        code.line(f"{scores}[k] = 1.0 / (1.0 + nb_exp(-{scores}[k]));")
    return _shares(code, scores, outputs)


def _shares(code, scores, outputs):
    if outputs == 1:
        return answers.pair(code, "float64", f"{scores}[0]")
    total = code.name("v")
    code.line(f"double {total} = 0.0;")
    with code.block(f"for (int k = 0; k < {outputs}; k++)"):
        code.line(f"{total} += {scores}[k];")
    with code.block(f"for (int k = 0; k < {outputs}; k++)"):
        # If all are zero, they are equally probable.
        code.line(f"{scores}[k] = {total} == 0.0 ? 1.0 / {outputs} : {scores}[k] / {total};")
    return answers.probabilities(scores, outputs)
