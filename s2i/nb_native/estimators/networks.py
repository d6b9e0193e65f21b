"""Multi-layer perceptrons: matrix products and activation functions."""

import numpy as np

from nb_native.estimators import answers
from nb_native.estimators.linear import write_products
from nb_native.estimators.registry import form
from nb_native.estimators.rows import as_rows, elements, float64_array, row_for
from nb_native.refusal import Refusal

# A layer's activation for each x; softmax applies to all together.
_ACTIVATIONS = {
    "identity": None,
    "logistic": "1.0 / (1.0 + nb_exp(-{x}))",
    "relu": "{x} > 0.0 ? {x} : 0.0",
    "tanh": "nb_tanh({x})",
}


def _outputs(code, estimator, rows):
    """Write all layers; return (name of the C array of the last layer's outputs, its length)."""
    row = row_for(code, estimator, rows)
    if row.dtype == "float32" or any(str(weights.dtype) != "float64" for weights in estimator.coefs_):
        raise Refusal(f"{type(estimator).__name__} of float32")
    array = float64_array(code, row)
    layers = list(zip(estimator.coefs_, estimator.intercepts_))
    for number, (weights, intercepts) in enumerate(layers, 1):
        array = write_products(code, array, np.ascontiguousarray(weights.T), intercepts)
        _activate(
            code, array, len(intercepts), estimator.activation if number < len(layers) else estimator.out_activation_
        )
    return array, len(layers[-1][1])


def _activate(code, array, count, name):
    if name == "softmax":
        answers.softmax(code, array, count)
        return
    if name not in _ACTIVATIONS:
        raise Refusal(f"a network with the activation {name}")
    if _ACTIVATIONS[name] is not None:
        with code.block(f"for (int k = 0; k < {count}; k++)"):
            code.line(f"{array}[k] = {_ACTIVATIONS[name].format(x=f'{array}[k]')};")


@form("sklearn", ["MLPRegressor"], "predict")
def _predict_number(code, estimator, rows):
    array, count = _outputs(code, estimator, rows)
    numbers = elements(array, count, "float64")
    return as_rows(numbers) if count > 1 else answers.number(code, "float64", numbers[0].code)


def _class_outputs(code, estimator, rows):
    if not estimator._label_binarizer.y_type_.startswith(("binary", "multiclass")):
        raise Refusal("MLPClassifier with several labels per sample")
    answers.count_of_classes(estimator)
    return _outputs(code, estimator, rows)


@form("sklearn", ["MLPClassifier"], "predict")
def _predict_class(code, estimator, rows):
    array, count = _class_outputs(code, estimator, rows)
    return answers.label(code, estimator, f"{array}[0] > 0.5" if count == 1 else answers.argmax(code, array, count))


@form("sklearn", ["MLPClassifier"], "predict_proba")
def _predict_shares(code, estimator, rows):
    array, count = _class_outputs(code, estimator, rows)
    return answers.pair(code, "float64", f"{array}[0]") if count == 1 else answers.probabilities(array, count)
