"""Converts scores to predictions: labels, probabilities, and the index of the largest."""

from nb_native.code import literal
from nb_native.estimators.rows import as_rows, elements
from nb_native.refusal import Refusal
from nb_native.values import Label, Vector


def label(code, estimator, index):
    """Return the result of a classifier's `predict` whose class is at `index`, a C expression."""
    return Vector((Label(code.number("int64", index).code, constants(estimator.classes_)),), "array")


def constants(array):
    """Return the elements of a numpy array as a tuple of Python objects, all of one type."""
    values = tuple(array.tolist() if hasattr(array, "tolist") else array)
    kinds = {type(value) for value in values}
    if len(kinds) != 1 or not kinds <= {str, int, float, bool}:
        raise Refusal("classes that mix strings and other types")
    return values


def count_of_classes(estimator):
    """Return the number of a classifier's classes; raise Refusal for several outputs."""
    if isinstance(estimator.classes_, list):
        raise Refusal(f"a {type(estimator).__name__} with several outputs")
    return len(estimator.classes_)


def number(code, kind, expression):
    """Return the result of a regressor's `predict`."""
    return Vector((code.number(kind, expression),), "array")


def argmax(code, array, count):
    """Return a C expression for the index of the first maximum in an array, like numpy.argmax."""
    place = code.name("m")
    code.line(f"int {place} = 0;")
    with code.block(f"for (int k = 1; k < {count}; k++)"), code.block(f"if ({array}[k] > {array}[{place}])"):
        code.line(f"{place} = k;")
    return place


def probabilities(array, count, kind="float64"):
    """Return the single row of probabilities in a C array."""
    return as_rows(elements(array, count, kind))


def pair(code, kind, second, first="1.0 - {second}"):
    """Return the single row [1 - p, p] of a binary classifier; `second` is the C expression of p."""
    high = code.number(kind, second)
    return as_rows([code.number(kind, first.format(second=high.code)), high])


def softmax(code, array, count):
    """Convert an array of doubles to probabilities in place, like scikit-learn's softmax."""
    largest = argmax(code, array, count)
    top, total = code.name("v"), code.name("v")
    code.line(f"double {top} = {array}[{largest}], {total} = 0.0;")
    with code.block(f"for (int k = 0; k < {count}; k++)"):
        code.line(f"{array}[k] = nb_exp({array}[k] - {top});")
        code.line(f"{total} += {array}[k];")
    with code.block(f"for (int k = 0; k < {count}; k++)"):
        code.line(f"{array}[k] /= {total};")


def literal_of(value):
    """Return a double as a C literal, in parentheses because it may be negative."""
    return f"({literal('double', float(value))})"
