"""numpy functions that create and shape arrays, and the table of which module writes each other one."""

import numpy as np

from nb_native.translate import arrays, labels, lookups, numbers, numpy_elementwise, numpy_reductions, operators
from nb_native.translate.arguments import given, only
from nb_native.translate.kinds import (
    FLOAT,
    FLOAT32,
    NUMPY,
    PYTHON,
    Closure,
    Lazy,
    Matrix,
    Real,
    Table,
)
from nb_native.values import Frame, Known, Label, Sample, Vector


def _array(context, node):
    value, dtype = given(context, node, "object", "dtype")
    if isinstance(value, (Closure, Table, Frame)):
        raise context.rejection("creates an array from a value that has no native form")
    return arrays.array(context, value, arrays.dtype_of(context, dtype))


def _scalar(name):
    """Return np.float64 or np.float32 of one number."""
    form = FLOAT if name == "float64" else FLOAT32

    def done(context, node):
        value = only(context, node)
        if isinstance(value, (Known, Label)):
            return labels.mapped(context, getattr(np, name), value)
        if not numbers.is_number(value):
            raise context.rejection(f"calls np.{name} with a value that may not be a number; convert it with float()")
        real = numbers.real_for(context, value, "converts")
        return Real(f"({'double' if form == FLOAT else 'float'}){real.code}".join("()"), form, NUMPY)

    return done


def reshaped(context, value, shape):
    """Return the value of value.reshape(shape)."""
    if isinstance(value, Vector):
        flat = numpy_reductions.flat(value)
        count = len(flat)
        wanted = [
            count // max(1, int(np.prod([abs(part) for part in shape]))) if part == -1 else part for part in shape
        ]
        if len(wanted) == 1 and wanted[0] == count:
            return Vector(tuple(flat), "array")
        if len(wanted) == 2 and wanted[0] * wanted[1] == count:
            rows = [flat[place : place + wanted[1]] for place in range(0, count, wanted[1])]
            return Vector(tuple(Vector(tuple(row), "array") for row in rows), "array")
        context.fail()
    if isinstance(value, Matrix) and value.rows == 0 and not value.flat:
        inner = value.inner
        is_row = len(shape) == 2 and shape[0] == 1
        width = None if is_row and shape[1] == -1 else shape[-1]
        if is_row and isinstance(inner, Sample):
            return value._replace(flat=True, rows=1, width=width)
        if is_row and isinstance(inner, Lazy) and inner.is_number:
            return value._replace(rows=1, width=width)
        if is_row and isinstance(inner, Vector):
            if len(inner.items) == 1 and isinstance(inner.items[0], Sample):
                return Matrix(inner.items[0], value.dtype, True, 1, width)
            if not any(isinstance(item, (Vector, Matrix)) for item in inner.items):
                return value._replace(flat=True, rows=1, width=width)
    raise context.rejection("reshapes an array in a way that has no native form; use reshape(1, -1)")


def _shape_of_arguments(context, values):
    found = []
    for value in values:
        if isinstance(value, Known) and isinstance(value.value, (tuple, list)):
            found += list(value.value)
        elif isinstance(value, Known):
            found.append(value.value)
        else:
            raise context.rejection("reshapes an array to a shape that is not a constant")
    return tuple(found)


def _atleast_2d(context, node):
    value = only(context, node)
    if isinstance(value, (Vector, Known)):
        value = arrays.array(context, value)
    if isinstance(value, Vector) and value.items and isinstance(value.items[0], Vector):
        return value
    if isinstance(value, Vector) or (isinstance(value, Matrix) and isinstance(value.inner, Vector)):
        inner = value if isinstance(value, Vector) else value.inner
        if not any(isinstance(item, (Vector, Matrix, Sample)) for item in inner.items) or isinstance(value, Vector):
            return lookups.one_row(context, value)
    raise context.rejection("calls np.atleast_2d with a part of the sample; use np.array([x])")


def _dot(context, node):
    """Return np.dot of two one-dimensional arrays."""
    pair = given(context, node, "a", "b", needed=2)
    pair = [arrays.array(context, value) if isinstance(value, (Known, Sample)) else value for value in pair]
    return operators.inner_product(context, *[numpy_elementwise.settled(context, value) for value in pair])


def _where(context, node):
    condition, one, other = given(context, node, "condition", "x", "y", needed=3)
    if isinstance(condition, Vector) or any(isinstance(value, (Vector, Matrix)) for value in (one, other)):
        raise context.rejection("calls np.where with a whole array")
    raise context.rejection("calls np.where; use a conditional expression")


def _to_python(context, value):
    """Return numpy numbers as Python numbers, and arrays as lists."""
    value = numpy_elementwise.settled(context, value)
    if isinstance(value, Vector):
        return Vector(tuple(_to_python(context, item) for item in value.items), "list")
    if isinstance(value, (Known, Label)):
        return labels.mapped(context, lambda item: item.tolist() if isinstance(item, np.generic) else item, value)
    real = numbers.value_of(context, value)
    if real.form == FLOAT32:
        return Real(f"((double){real.code})", FLOAT)
    return real._replace(owner=PYTHON)


def _tolist(context, node, owner):
    if node.args or node.keywords:
        context.fail()
    if isinstance(owner, Real) and owner.owner == PYTHON:
        context.fail()
    return _to_python(context, owner)


def _item(context, node, owner):
    if isinstance(owner, Real) and owner.owner == PYTHON:
        context.fail()
    if node.args:
        raise context.rejection("calls item() with an index")
    value = numpy_elementwise.settled(context, owner)
    while isinstance(value, Vector):
        if len(value.items) != 1:
            context.fail()
        value = value.items[0]
    return _to_python(context, value)


def _reshape(context, node, owner):
    if node.keywords:
        raise context.rejection("calls reshape with keywords")
    shape = _shape_of_arguments(context, [context.evaluate(argument) for argument in node.args])
    return reshaped(context, owner, shape)


def _ravel(context, node, owner):
    value = numpy_elementwise.settled(context, owner)
    if isinstance(value, Vector):
        return Vector(tuple(numpy_reductions.flat(value)), "array")
    raise context.rejection("flattens an array that has no native form")


def _astype(context, node, owner):
    dtype = arrays.dtype_of(context, given(context, node, "dtype")[0])
    if isinstance(owner, Matrix):
        return arrays.array(context, owner, dtype)
    if isinstance(owner, Vector) and dtype is not None:
        return arrays.array(context, owner, dtype)
    raise context.rejection("converts an array in a way that has no native form")


def _round_method(context, node, owner):
    return numpy_elementwise.rounded(context, owner, given(context, node, "decimals", needed=0)[0])


METHODS = {
    **numpy_reductions.METHODS,
    "tolist": _tolist,
    "item": _item,
    "reshape": _reshape,
    "ravel": _ravel,
    "flatten": _ravel,
    "astype": _astype,
    "round": _round_method,
}

FUNCTIONS = {
    **numpy_elementwise.FUNCTIONS,
    **numpy_reductions.FUNCTIONS,
    np.array: _array,
    np.asarray: _array,
    np.atleast_2d: _atleast_2d,
    np.float64: _scalar("float64"),
    np.float32: _scalar("float32"),
    np.dot: _dot,
    np.where: _where,
}
