"""Elementwise numpy functions, of one number or of each number in an array."""

import numpy as np

from nb_native.code import literal
from nb_native.translate import arrays, conversions, kinds, labels, math_calls, numbers, samples
from nb_native.translate.arguments import given, only
from nb_native.translate.kinds import (
    BOOL,
    FLOAT,
    FLOAT32,
    NUMPY,
    STATIC,
    Real,
)
from nb_native.values import Known, Label, Sample, Vector

_FLOAT_FUNCTIONS = ("exp", "log", "log1p", "log2", "log10", "expm1", "sqrt", "tanh", "sin", "cos")


def settled(context, value):
    """Return an array as a Vector of numbers, regardless of its origin."""
    if isinstance(value, Vector) and value.kind != "array":
        value = arrays.array(context, value)
    return arrays.written_out(context, value)


def each(context, value, function):
    """Apply `function` to each number of an array, or to one number."""
    value = settled(context, value)
    if isinstance(value, Vector):
        return value._replace(items=tuple(each(context, item, function) for item in value.items))
    if isinstance(value, (Sample, Label, Known)) or numbers.is_number(value):
        return function(value)
    raise context.rejection("computes with a value that has no native form")


def _of_each(function):
    """Return the translation of a one-argument call that applies `function` to a number or to each array item."""
    return lambda context, node: each(context, only(context, node), lambda value: function(context, value))


def _real(context, value):
    """Return the argument of a numpy function; numpy converts a list in the sample to an array."""
    if isinstance(value, Sample):
        return numbers.of_sample(context, value, kinds.ARRAY)
    real = numbers.real_of(context, value)
    if real.other not in (None, kinds.ARRAY):
        real = numbers.clean(context, real)
    return real


def _float_function(name):
    """Return the translation of a numpy function that returns a float for each number."""

    def of_one(context, value):
        if isinstance(value, (Known, Label)):
            return labels.mapped(context, getattr(np, name), value)
        if not math_calls.has_math(name):
            raise context.rejection(f"calls np.{name}, which has no native form")
        real = _real(context, value)
        if real.form == FLOAT32 and name != "sqrt":
            raise context.rejection(f"calls np.{name} with a float32, whose numpy result has no native form")
        if real.form == FLOAT32:
            return Real(
                context.name_of("v", f"const float {{}} = (float)nb_sqrt((double){real.code});"), FLOAT32, NUMPY
            )
        if real.form == BOOL:
            # If only two values are possible, the results are constants, whatever numpy's result type is.
            truth = Label(f"(int)({real.code})", (False, True))
            return labels.mapped(context, getattr(np, name), truth)
        if real.form not in STATIC and not real.other:
            of_truths = [literal("double", float(_quietly(getattr(np, name), truth))) for truth in (False, True)]
            code = f"nb_{name}({real.code})"
            half = f"{real.form} == NB_AS_BOOL ? nb_half({real.code} != 0.0 ? {of_truths[1]} : {of_truths[0]})"
            return numbers.made(context, f"{half} : nb_as({code}, NB_AS_FLOAT)", None, NUMPY, kinds.HALF)
        if real.form not in STATIC:
            checked = numbers.made(context, f"nb_argument_of_numpy({real.struct})", None, NUMPY, real.other)
            if real.other:
                other = (
                    f"{checked.struct}.form == NB_AS_OTHER ? nb_other() : nb_as(nb_{name}({checked.code}), NB_AS_FLOAT)"
                )
                return numbers.made(context, other, None, NUMPY, real.other)
            real = checked
        return numbers.float_of(context, f"nb_{name}({real.code})", NUMPY)

    return _of_each(of_one)


def _quietly(function, argument):
    """Call numpy's function without its warnings, such as the one for the infinite logarithm of 0."""
    with np.errstate(all="ignore"):
        return function(argument)


def _whole(name):
    """Return the translation of np.floor or np.ceil, which keep the float type."""

    def of_one(context, value):
        if isinstance(value, (Known, Label)):
            return labels.mapped(context, getattr(np, name), value)
        if isinstance(value, Sample):
            raise context.rejection(f"calls np.{name} with a part of the sample; use math.{name}")
        real = numbers.real_for(context, value, "rounds")
        text = f"nb_floor({real.code})" if name == "floor" else f"-nb_floor(-({real.code}))"
        if real.form == FLOAT:
            return numbers.float_of(context, text, NUMPY)
        if real.form == FLOAT32:
            return Real(f"((float)({text}))", FLOAT32, NUMPY)
        raise context.rejection(f"calls np.{name} with a value that may be a whole number")

    return _of_each(of_one)


def _absolute(context, value):
    if isinstance(value, Sample):
        raise context.rejection("calls np.abs with a part of the sample; use abs")
    found = conversions.absolute(context, value)
    return found._replace(owner=NUMPY) if isinstance(found, Real) else found


def _test(template, function):
    """Return the translation of a numpy test such as np.isnan; {0} in the C condition is the number."""

    def of_one(context, value):
        if isinstance(value, (Known, Label)):
            return labels.mapped(context, function, value)
        if isinstance(value, Sample) and samples.types_of(context, value) & {"list"}:
            raise context.rejection("uses a numpy test on a value that may be a list; convert it with float()")
        real = numbers.real_for(context, value, "tests")
        name = context.name_of("c", f"const int {{}} = {template.format(real.code)};")
        return Real(name, BOOL, NUMPY)

    return _of_each(of_one)


def _round(context, node):
    value, decimals = given(context, node, "a", "decimals")
    return rounded(context, value, decimals)


def rounded(context, value, decimals):
    """Return np.round(value, decimals), a constant number of decimals or None."""
    if not isinstance(decimals, (Known, type(None))):
        raise context.rejection("rounds to a number of digits that is not a constant")
    places = 0 if decimals is None else decimals.value

    def of_one(item):
        if isinstance(item, (Known, Label)):
            return labels.mapped(context, lambda one: np.round(one, places), item)
        if isinstance(item, Sample):
            raise context.rejection("calls np.round with a part of the sample; use round")
        real = numbers.real_for(context, item, "rounds")
        if not 0 <= places <= conversions.MAX_DIGITS:
            raise context.rejection(f"rounds to a number of digits outside 0 to {conversions.MAX_DIGITS} digits")
        return conversions.rounded_as_numpy(context, real._replace(owner=NUMPY), places)

    return each(context, value, of_one)


def _clip(context, node):
    value, low, high = given(context, node, "a", "a_min", "a_max", needed=3)
    return clipped(context, value, low, high)


def clipped(context, value, low, high):
    """Return np.clip of floats; the bounds are constants."""

    def of_one(item):
        if not numbers.is_number(item):
            raise context.rejection("calls np.clip with a part of the sample; convert it with float()")
        real = numbers.real_of(context, item)
        if real.form != FLOAT or real.other is not None:
            raise context.rejection("calls np.clip with a value that may not be float64")
        name = context.name_of("v", f"double {{}} = {real.code};")
        for bound, symbol in ((low, "<"), (high, ">")):
            if isinstance(bound, Known) and bound.value is None:
                continue
            if not isinstance(bound, Known) or not numbers.is_number(bound) or bound.value != bound.value:
                raise context.rejection("calls np.clip with bounds that are not constants")
            code = numbers.real_of(context, bound).code
            context.code.line(f"if ({name} {symbol} {code})")
            context.code.line(f"    {name} = {code};")
        return Real(name, FLOAT, NUMPY)

    return each(context, value, of_one)


FUNCTIONS = {
    **{getattr(np, name): _float_function(name) for name in _FLOAT_FUNCTIONS},
    np.floor: _whole("floor"),
    np.ceil: _whole("ceil"),
    np.abs: _of_each(_absolute),
    np.fabs: _of_each(_absolute),
    np.isnan: _test("({0} != {0})", np.isnan),
    np.isfinite: _test("({0} - {0} == 0.0)", np.isfinite),
    np.isinf: _test("({0} - {0} != 0.0 && {0} == {0})", np.isinf),
    np.round: _round,
    np.around: _round,
    np.clip: _clip,
}
