"""float, int, bool, str, abs, len and round."""

import numpy as np

from nb_native.code import literal
from nb_native.translate import arrays, conditions, labels, numbers, samples
from nb_native.translate.conditions import Condition
from nb_native.translate.context import Raised
from nb_native.translate.kinds import BOOL, EITHER, FLOAT, FLOAT32, INTEGER, NUMPY, PYTHON, STATIC, Lazy, Matrix, Real
from nb_native.values import Known, Label, Number, Record, Sample, Vector

MAX_DIGITS = 22


def as_float(context, value):
    """Return float(value)."""
    if isinstance(value, (Known, Label)):
        return labels.mapped(context, float, value)
    if isinstance(value, Sample):
        return samples.parsed_float(context, value)
    value = single(context, value, float)
    real = numbers.clean(context, numbers.sure(context, numbers.value_of(context, value), "calls float() with"))
    return Real(numbers.double_of(real), FLOAT)


def single(context, value, convert):
    """Return the number in a one-item array, if this numpy converts those; the program fails for any other length."""
    value = arrays.written_out(context, value)
    if isinstance(value, Vector) and value.kind == "array":
        if len(value.items) != 1:
            context.fail()
        inner = value.items[0]
        dimensions = 2 if isinstance(inner, Vector) else 1
        labels.raised(context, convert, np.ones([1] * dimensions))
        return single(context, inner, convert)
    if isinstance(value, (Real, Number, Label)):
        return value
    context.fail()
    raise Raised


def as_int(context, value):
    """Return int(value)."""
    if isinstance(value, (Known, Label)):
        return labels.mapped(context, int, value)
    if isinstance(value, Sample):
        return samples.parsed_integer(context, value)
    value = single(context, value, int)
    if isinstance(value, Label):
        return labels.mapped(context, int, value)
    real = numbers.clean(context, numbers.sure(context, numbers.value_of(context, value), "calls int() with"))
    if real.form in (BOOL, INTEGER):
        return Real(numbers.double_of(real), INTEGER)
    if real.form in (FLOAT, FLOAT32):
        return numbers.made(context, f"nb_integer_of(nb_as({real.code}, NB_AS_FLOAT))", INTEGER)
    return numbers.made(context, f"nb_integer_of({numbers.struct_of(real)})", INTEGER)


def as_bool(context, value):
    """Return bool(value)."""
    return conditions.truth_of(context, value)


def as_text(context, value):
    """Return str(value) of constants."""
    if isinstance(value, (Known, Label)):
        return labels.mapped(context, str, value)
    raise context.rejection("creates a string from a value that is not a constant")


def absolute(context, value):
    """Return abs(value)."""
    if isinstance(value, (Known, Label)):
        return labels.mapped(context, abs, value)
    value = arrays.written_out(context, value)
    if isinstance(value, Vector) and value.kind == "array":
        return value._replace(items=tuple(absolute(context, item) for item in value.items))
    if not isinstance(value, Sample) and not numbers.is_number(value):
        context.fail()
    real = numbers.real_for(context, value, "calls abs() with")
    if real.form == FLOAT:
        return numbers.float_of(context, f"nb_fabs({real.code})", real.owner)
    if real.form == FLOAT32:
        return Real(f"((float)nb_fabs({real.code}))", FLOAT32, real.owner)
    if real.owner != PYTHON and real.form != INTEGER:
        raise context.rejection("calls abs() with a value that may be a numpy boolean")
    form = INTEGER if real.form in STATIC else None
    return numbers.made(context, f"nb_absolute({numbers.struct_of(real)})", form, real.owner)


def length(context, value):
    """Return len(value)."""
    if isinstance(value, (Known, Label)):
        return labels.mapped(context, len, value)
    if isinstance(value, Sample):
        return samples.length_of(context, value)
    if isinstance(value, Matrix):
        value = arrays.of_known_length(context, value).inner
    if isinstance(value, Vector) and value.kind != "generator":
        return Known(len(value.items))
    if isinstance(value, Record):
        return Known(len(value.fields))
    if isinstance(value, Lazy) and value.kind == "list":
        return samples.length_of(context, Sample(value.code))
    if isinstance(value, (Real, Number)):
        context.fail()
    raise context.rejection("calls len() with a value that has no native form")


def rounded(context, value, digits=None):
    """Return round(value, digits), a constant number of digits."""
    if digits is not None and not isinstance(digits, Known):
        raise context.rejection("rounds to a number of digits that is not a constant")
    places = None if digits is None else digits.value
    if isinstance(value, (Known, Label)):
        return labels.mapped(context, lambda item: round(item, places), value)
    if not isinstance(value, Sample) and not numbers.is_number(value):
        context.fail()
    real = numbers.real_for(context, value, "rounds")
    if places is not None and (type(places) is not int or not 0 <= places <= MAX_DIGITS):
        raise context.rejection(f"rounds to a number of digits outside 0 to {MAX_DIGITS} digits")
    if real.owner == EITHER:
        raise context.rejection(
            "rounds a value that is a Python number in one branch and a numpy number in another; use float()"
        )
    if places is None:
        if real.form in (FLOAT, FLOAT32):
            return numbers.made(context, f"nb_rounded_to_whole(nb_as({real.code}, NB_AS_FLOAT))", INTEGER)
        if real.form in STATIC:
            return Real(numbers.double_of(real), INTEGER)
        return numbers.made(context, f"nb_rounded_to_whole({numbers.struct_of(real)})", INTEGER)
    if real.owner == NUMPY:
        return rounded_as_numpy(context, real, places)
    if real.form == FLOAT:
        return numbers.float_of(context, f"nb_rounded({real.code}, {places})")
    if real.form in STATIC:
        return Real(numbers.double_of(real), INTEGER)
    return numbers.made(context, f"nb_rounded_number({numbers.struct_of(real)}, {places})", None)


def rounded_as_numpy(context, real, places):
    """Return np.round(real, places), computed like numpy: scale, round, scale back."""
    if real.form == FLOAT:
        if places == 0:
            return numbers.float_of(context, f"nb_nearest({real.code})", real.owner)
        scale = literal("double", 10.0**places)
        return numbers.float_of(context, f"nb_nearest({real.code} * {scale}) / {scale}", real.owner)
    if real.form == FLOAT32:
        if places > 10:
            raise context.rejection("rounds a float32 to more than 10 digits")
        scale = literal("float", np.float32(10.0**places))
        text = f"(float)nb_nearest((double)(float)({real.code} * {scale})) / {scale}"
        return Real(context.name_of("v", f"const float {{}} = {text};"), FLOAT32, real.owner)
    if real.form == INTEGER:
        return real
    raise context.rejection("rounds a numpy number of unknown type")


def is_integer(real):
    """Return the Condition of real.is_integer()."""
    return Condition(f"nb_is_whole({real.code})")
