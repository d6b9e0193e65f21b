"""Translates functions of the math module."""

import ast
import math
import os
import re

import nb_native
from nb_native.translate import conversions, kinds, labels, numbers
from nb_native.translate.arguments import given, only
from nb_native.translate.conditions import Condition
from nb_native.translate.kinds import INTEGER, Matrix
from nb_native.values import Known, Label, Sample, Vector

_MATH_HEADER = os.path.join(os.path.dirname(nb_native.__file__), "runtime", "nb_math.h")

# Functions with a limited domain: (C condition for invalid arguments, whether an infinite result is an OverflowError).
_MATH = {
    "exp": ("", True),
    "log": ("{0} <= 0.0", False),
    "log2": ("{0} <= 0.0", False),
    "log10": ("{0} <= 0.0", False),
    "log1p": ("{0} <= -1.0", False),
    "expm1": ("", True),
    "sqrt": ("{0} < 0.0", False),
    "tanh": ("", False),
    "fabs": ("", False),
    "sin": ("{0} - {0} != 0.0 && {0} == {0}", False),
    "cos": ("{0} - {0} != 0.0 && {0} == {0}", False),
    "atan": ("", False),
}


def has_math(name):
    """Return whether the C runtime's math library has this function."""
    with open(_MATH_HEADER, encoding="utf-8") as header:
        return re.search(rf"\bnb_{name}\(", header.read()) is not None


def _argument(context, value):
    """Return the argument of a math function as a double."""
    if isinstance(value, (Vector, Matrix)):
        value = conversions.single(context, value, float)
    if not isinstance(value, Sample) and not numbers.is_number(value):
        context.fail()
    real = numbers.real_of(context, value)
    real = numbers.clean(context, numbers.sure(context, real, "computes with") if real.other == kinds.ARRAY else real)
    return numbers.double_of(real)


def _of_math(name):
    """Return the translation of a math function with one argument."""
    rejected, overflows = _MATH[name]

    def done(context, value):
        if isinstance(value, (Known, Label)):
            return labels.mapped(context, getattr(math, name), value)
        if not has_math(name):
            raise context.rejection(f"calls math.{name}, which has no native form")
        code = _argument(context, value)
        if rejected:
            context.fail_if(rejected.format(code))
        found = numbers.float_of(context, f"nb_{name}({code})")
        if overflows:
            context.fail_if(f"{found.code} - {found.code} != 0.0 && {code} - {code} == 0.0")
        return found

    return done


def _log(context, node):
    if len(node.args) == 1:
        return _of_math("log")(context, only(context, node))
    value, base = given(context, node, "x", "base", needed=2)
    if isinstance(value, Known) and isinstance(base, Known):
        return Known(labels.raised(context, math.log, value.value, base.value))
    parts = [_of_math("log")(context, part) for part in (value, base)]
    return numbers.binary(context, ast.Div(), *parts)


def _whole(upwards):
    def done(context, value):
        if isinstance(value, (Known, Label)):
            return labels.mapped(context, math.ceil if upwards else math.floor, value)
        code = _argument(context, value)
        return numbers.made(context, f"nb_floor_of(nb_as({code}, NB_AS_FLOAT), {int(upwards)})", INTEGER)

    return done


def _tested(template, function):
    def done(context, value):
        if isinstance(value, (Known, Label)):
            return labels.mapped(context, function, value)
        return Condition(template.format(_argument(context, value)))

    return done


def _power(context, node):
    left, right = given(context, node, "x", "y", needed=2)
    if all(isinstance(value, (Known, Label)) for value in (left, right)):
        return labels.mapped(context, math.pow, left, right)
    one, other = _argument(context, left), _argument(context, right)
    found = numbers.float_of(context, f"nb_pow({one}, {other})")
    finite = f"{one} - {one} == 0.0 && {other} - {other} == 0.0"
    context.fail_if(f"{found.code} - {found.code} != 0.0 && {finite}")
    return found


UNARY = {
    math.floor: _whole(False),
    math.ceil: _whole(True),
    math.isnan: _tested("{0} != {0}", math.isnan),
    math.isfinite: _tested("{0} - {0} == 0.0", math.isfinite),
    math.isinf: _tested("({0} - {0} != 0.0 && {0} == {0})", math.isinf),
    **{getattr(math, name): _of_math(name) for name in _MATH},
}

FUNCTIONS = {math.log: _log, math.pow: _power}
