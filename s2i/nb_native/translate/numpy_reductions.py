"""numpy reductions over an array or over each of its rows."""

import numpy as np

from nb_native.translate import arrays, conditions, labels, numbers, numpy_elementwise
from nb_native.translate.arguments import given
from nb_native.translate.kinds import (
    BOOL,
    FLOAT,
    FLOAT32,
    INTEGER,
    NUMPY,
    STATIC,
    Real,
)
from nb_native.values import Known, Label, Vector

# numpy uses pairwise summation for more items than this.
MAX_SUMMED = 128


def flat(value):
    """Return the items of a one- or two-dimensional array as a flat list."""
    found: list = []
    for item in value.items:
        found += flat(item) if isinstance(item, Vector) else [item]
    return found


def _along(context, value, axis, function):
    """Apply `function` to all numbers of an array, or to each row if the axis is the last one."""
    value = numpy_elementwise.settled(context, value)
    if isinstance(value, Known):
        value = arrays.array(context, value)
    if not isinstance(value, Vector):
        raise context.rejection("computes with an array that has no native form")
    is_table = bool(value.items) and isinstance(value.items[0], Vector)
    if axis is None or (isinstance(axis, Known) and (axis.value is None or (not is_table and axis.value in (0, -1)))):
        return function(flat(value))
    if isinstance(axis, Known) and is_table and axis.value in (1, -1):
        return Vector(tuple(function(list(row.items)) for row in value.items), "array")
    raise context.rejection("computes along an axis that has no native form")


def _row_of(context, items):
    """Return (Reals, name of a C array of their doubles)."""
    if not items:
        context.fail()
    if not all(numbers.is_number(item) for item in items):
        raise context.rejection("computes with an array of values other than numbers")
    reals = [numbers.real_of(context, item) for item in items]
    if any(real.other for real in reals):
        raise context.rejection("computes with an array of values that may not be numbers")
    texts = ", ".join(real.code for real in reals)
    return reals, context.name_of("x", f"const double {{}}[{len(items)}] = {{ {texts} }};")


def _argument(context, items, wants_largest):
    _, row = _row_of(context, items)
    place = _place_of_extreme(context, row, len(items), wants_largest)
    return labels.collapsed(Label(place, tuple(np.intp(index) for index in range(len(items)))))


def _place_of_extreme(context, row, count, wants_largest):
    return context.name_of("k", f"const int {{}} = nb_argument({row}, {count}, {int(wants_largest)});")


def _extreme(context, items, wants_largest):
    reals, row = _row_of(context, items)
    forms = {real.form for real in reals}
    place = _place_of_extreme(context, row, len(items), wants_largest)
    if len(forms) == 1 and forms <= set(STATIC):
        form = forms.pop()
        code = f"{row}[{place}]"
        return Real(f"((float){code})" if form == FLOAT32 else code, form, NUMPY)
    if forms & set(STATIC):
        raise context.rejection("uses min or max of an array with different types")
    # An array has a single type: that of its first number.
    name = context.name_of("n", f"const nb_number {{}} = nb_as({row}[{place}], {reals[0].form});")
    return Real(f"{name}.value", f"{name}.form", NUMPY, name)


def _sum(context, items, divides=False):
    reals, row = _row_of(context, items)
    if len(items) > MAX_SUMMED:
        raise context.rejection(f"adds an array of more than {MAX_SUMMED} numbers")
    forms = {real.form for real in reals}
    if FLOAT32 in forms:
        raise context.rejection("adds float32 numbers; convert them with astype(float)")
    text = f"nb_pairwise({row}, {len(items)})"
    if divides:
        return numbers.float_of(context, f"{text} / {float(len(items))!r}", NUMPY)
    if forms == {FLOAT}:
        return numbers.float_of(context, text, NUMPY)
    form = INTEGER if forms <= {BOOL, INTEGER} else None
    if form is None and forms & set(STATIC):
        raise context.rejection("adds an array with different types")
    of_sum = form or f"({reals[0].form} == NB_AS_BOOL ? NB_AS_INTEGER : {reals[0].form})"
    return numbers.made(context, f"nb_made({text}, {of_sum})", form, NUMPY)


def _truths(context, items, is_all):
    join = conditions.both if is_all else conditions.either
    found = conditions.Condition(is_all)
    for item in items:
        found = join(context, found, conditions.truth_of(context, item))
    if found.is_known:
        return Known(np.bool_(found.code))
    found.owner = NUMPY
    return found.value(context)


_REDUCED = {
    "argmax": lambda context, items: _argument(context, items, True),
    "argmin": lambda context, items: _argument(context, items, False),
    "max": lambda context, items: _extreme(context, items, True),
    "min": lambda context, items: _extreme(context, items, False),
    "sum": _sum,
    "mean": lambda context, items: _sum(context, items, True),
    "all": lambda context, items: _truths(context, items, True),
    "any": lambda context, items: _truths(context, items, False),
}


def _reduction(name):
    def done(context, node):
        value, axis = given(context, node, "a", "axis")
        return _along(context, value, axis, lambda items: _REDUCED[name](context, items))

    return done


def _method_reduction(name):
    def done(context, node, owner):
        axis = given(context, node, "axis", needed=0)[0]
        if isinstance(owner, Real):
            raise context.rejection(f"calls {name}() of one number")
        return _along(context, owner, axis, lambda items: _REDUCED[name](context, items))

    return done


METHODS = {name: _method_reduction(name) for name in _REDUCED}
FUNCTIONS = {getattr(np, name): _reduction(name) for name in _REDUCED}
