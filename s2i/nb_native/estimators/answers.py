"""From scores to answers: labels, probabilities, and the place of the largest."""

from nb_native.code import literal
from nb_native.estimators.rows import as_rows, elements
from nb_native.refusal import Refusal
from nb_native.values import Label, Vector


def label(code, estimator, index):
    """Return what `predict` of a classifier returns, whose class is at `index`, a C expression."""
    return Vector((Label(code.number("int64", index).code, constants(estimator.classes_)),), "array")


def constants(array):
    """Return the elements of a numpy array as a tuple of Python's own, all of one type."""
    values = tuple(array.tolist() if hasattr(array, "tolist") else array)
    kinds = {type(value) for value in values}
    if len(kinds) != 1 or not kinds <= {str, int, float, bool}:
        raise Refusal("classes that mix strings and other types")
    return values


def count_of_classes(estimator):
    """Return how many classes a classifier has; several outputs are refused."""
    if isinstance(estimator.classes_, list):
        raise Refusal(f"a {type(estimator).__name__} of several outputs")
    return len(estimator.classes_)


def number(code, kind, expression):
    """Return what `predict` of a regressor returns."""
    return Vector((code.number(kind, expression),), "array")


def argmax(code, array, count):
    """Return a C expression: the index of the first of the largest in an array, as numpy.argmax."""
    place = code.name("m")
    code.line(f"int {place} = 0;")
    with code.block(f"for (int k = 1; k < {count}; k++)"), code.block(f"if ({array}[k] > {array}[{place}])"):
        code.line(f"{place} = k;")
    return place


def probabilities(array, count, kind="float64"):
    """Return the one row of probabilities that a C array holds."""
    return as_rows(elements(array, count, kind))


def pair(code, kind, second, first="1.0 - {second}"):
    """Return the one row [1 - p, p] of a binary classifier; `second` is the C expression of p."""
    high = code.number(kind, second)
    return as_rows([code.number(kind, first.format(second=high.code)), high])


def softmax(code, array, count):
    """Turn an array of doubles into probabilities in its place, as scikit-learn's softmax."""
    largest = argmax(code, array, count)
    top, total = code.name("v"), code.name("v")
    code.line(f"double {top} = {array}[{largest}], {total} = 0.0;")
    with code.block(f"for (int k = 0; k < {count}; k++)"):
        code.line(f"{array}[k] = nb_exp({array}[k] - {top});")
        code.line(f"{total} += {array}[k];")
    with code.block(f"for (int k = 0; k < {count}; k++)"):
        code.line(f"{array}[k] /= {total};")


def literal_of(value):
    """Return a double as a C literal, in parentheses as it may be negative."""
    return f"({literal('double', float(value))})"
