"""Naive Bayes: joint log probabilities, one per class."""

import numpy as np

from nb_native.estimators import answers
from nb_native.estimators.linear import write_products, write_sparse_products
from nb_native.estimators.registry import form
from nb_native.estimators.rows import float64_array, row_for
from nb_native.refusal import Refusal
from nb_native.values import Sparse


def _array(code, estimator, rows):
    row = row_for(code, estimator, rows)
    if row.dtype == "float32":
        raise Refusal(f"{type(estimator).__name__} given float32")
    return float64_array(code, row), len(row.numbers)


def _gaussian(code, estimator, rows):
    """Write log P(c) + log P(x | c) of normal distributions; return the name of the C array."""
    array, features = _array(code, estimator, rows)
    count = len(estimator.classes_)
    variances = getattr(estimator, "var_", None)
    if variances is None:
        raise Refusal("GaussianNB of scikit-learn before 1.0")
    starts = [-0.5 * np.sum(np.log(2.0 * np.pi * variance)) for variance in variances]
    joint = code.name("s")
    means, spreads = code.table("double", estimator.theta_.ravel()), code.table("double", variances.ravel())
    priors, norms = code.table("double", np.log(estimator.class_prior_)), code.table("double", starts)
    code.line(f"double {joint}[{count}];")
    with code.block(f"for (int k = 0; k < {count}; k++)"):
        code.line("double sum = 0.0;")
        with code.block(f"for (int i = 0; i < {features}; i++)"):
            code.line(f"double d = {array}[i] - {means}[{features} * k + i];")
            code.line(f"sum += d * d / {spreads}[{features} * k + i];")
        code.line(f"{joint}[k] = {priors}[k] + ({norms}[k] - 0.5 * sum);")
    return joint


def _multinomial(code, estimator, rows):
    """Write the sums of log probabilities weighted by counts; return the name of the C array."""
    return _products(code, estimator, rows, estimator.feature_log_prob_, estimator.class_log_prior_)


def _complement(code, estimator, rows):
    """Write the sums of the log probabilities of the complement classes; return the name of the C array."""
    weights = estimator.feature_log_prob_
    # If there is only one class, its prior counts.
    starts = estimator.class_log_prior_ if len(weights) == 1 else np.zeros(len(weights))
    return _products(code, estimator, rows, weights, starts)


def _bernoulli(code, estimator, rows):
    """Write the sums of log probabilities of present and absent features; return the name of the C array."""
    absent = np.log(1 - np.exp(estimator.feature_log_prob_))
    weights, starts = estimator.feature_log_prob_ - absent, estimator.class_log_prior_ + absent.sum(axis=1)
    if isinstance(rows, Sparse):
        return write_sparse_products(code, _present(code, estimator, rows), weights, starts)
    array, features = _array(code, estimator, rows)
    if estimator.binarize is not None:
        whole = code.name("x")
        code.line(f"double {whole}[{features}];")
        with code.block(f"for (int i = 0; i < {features}; i++)"):
            code.line(f"{whole}[i] = {array}[i] > {answers.literal_of(estimator.binarize)};")
        array = whole
    return write_products(code, array, weights, starts)


def _present(code, estimator, rows):
    """Return the words of a text that exceed the estimator's threshold, each as 1."""
    if estimator.binarize is None:
        return rows
    if estimator.binarize < 0:
        # With a negative threshold nearly all would be 1, for scikit-learn, too.
        raise Refusal("BernoulliNB with a negative threshold, applied to word counts")
    row, count = code.name("r"), code.name("c")
    code.line(f"static nb_entry {row}[{rows.width}];")
    code.line(f"uint32_t {count} = 0;")
    test = f"{rows.code}[i].number > {answers.literal_of(estimator.binarize)}"
    with code.block(f"for (uint32_t i = 0; i < {rows.length}; i++)"), code.block(f"if ({test})"):
        code.line(f"{row}[{count}++] = (nb_entry){{ 1.0, {rows.code}[i].feature }};")
    return rows._replace(code=row, length=count)


def _products(code, estimator, rows, weights, starts):
    if isinstance(rows, Sparse):
        return write_sparse_products(code, rows, weights, starts)
    return write_products(code, _array(code, estimator, rows)[0], weights, starts)


_JOINT = {
    "BernoulliNB": _bernoulli,
    "ComplementNB": _complement,
    "GaussianNB": _gaussian,
    "MultinomialNB": _multinomial,
}


def _joint(code, estimator, rows):
    return _JOINT[type(estimator).__name__](code, estimator, rows), answers.count_of_classes(estimator)


@form("sklearn", _JOINT, "predict")
def _predict_class(code, estimator, rows):
    return answers.label(code, estimator, answers.argmax(code, *_joint(code, estimator, rows)))


@form("sklearn", _JOINT, "predict_proba")
def _predict_shares(code, estimator, rows):
    joint, count = _joint(code, estimator, rows)
    answers.softmax(code, joint, count)
    return answers.probabilities(joint, count)
