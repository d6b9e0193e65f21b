"""Python and numpy numbers as C: their sources, and arithmetic by the rules of whichever owns them.

A number whose form (bool, int or float) is known during translation is plain C; any other is an nb_number, computed
with the functions of nb_python.h.
"""

import ast

import numpy as np

from nb_native.code import literal
from nb_native.translate import kinds
from nb_native.translate.kinds import BOOL, EITHER, FLOAT, FLOAT32, INTEGER, NUMPY, PYTHON, STATIC, Real
from nb_native.values import Known, Label, Number, Sample

MAX_SIZE = 1 << 53
_FORMS = {"float64": FLOAT, "float32": FLOAT32, "int64": INTEGER, "bool": BOOL}
_NUMBERS = frozenset(["boolean", "integer", "number"])
_REPEATED = frozenset(["text", "list"])
_INFIX = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_FUNCTIONS = {ast.Add: "nb_plus", ast.Sub: "nb_minus", ast.Mult: "nb_times"}
# (for Python numbers, for numpy numbers)
_BY_OWNER = {
    ast.Div: ("nb_divided({}, {})", "nb_numpy_divided({}, {})"),
    ast.FloorDiv: ("nb_floor_divided({}, {}, 0)", "nb_numpy_floor_divided({}, {}, 0)"),
    ast.Mod: ("nb_floor_divided({}, {}, 1)", "nb_numpy_floor_divided({}, {}, 1)"),
    ast.Pow: ("nb_power({}, {})", "nb_numpy_power({}, {})"),
}


def is_number(value):
    """Return whether a value's type makes it a Python or numpy number; parts of the sample are never certain."""
    if isinstance(value, Label):
        return all(is_number(Known(item)) for item in value.table)
    if isinstance(value, Known):
        return isinstance(value.value, (bool, int, float, np.bool_, np.integer, np.floating))
    return isinstance(value, (Real, Number))


def real_of(context, value):
    """Return a number as a Real; for a Sample that is not a number, the program fails, as arithmetic does.

    Arithmetic on values that may be half floats is not supported; use value_of for those.
    """
    if isinstance(value, Real):
        return clean(context, value) if value.other == kinds.HALF else value
    if isinstance(value, Number):
        # Array items are numpy numbers.
        return Real(
            value.code if value.kind in ("float64", "float32") else f"(double)({value.code})", _FORMS[value.kind], NUMPY
        )
    if isinstance(value, Sample):
        return of_sample(context, value)
    if isinstance(value, Label):
        return _of_label(context, value)
    return _of_known(context, value.value)


def of_sample(context, sample, may_be_other=None):
    """Return the number in a sample's value; `may_be_other` names the result for text or lists that don't fail.

    The program fails for anything that isn't a number.
    """
    types = context.facts.types.get(sample.code, _NUMBERS | _REPEATED)
    if types == {"number"}:
        return Real(f"{sample.code}->number", FLOAT)
    other = may_be_other if types & _REPEATED else None
    key = (sample.code, "number or something else" if other else "number")
    if key not in context.facts.found:
        function = "nb_number_or_other" if other else "nb_number_of"
        context.facts.found[key] = _declared(context, f"{function}({sample.code})")
    name = context.facts.found[key]
    form = BOOL if types == {"boolean"} else INTEGER if types == {"integer"} else f"{name}.form"
    return Real(f"{name}.value", form, PYTHON, name, other)


def _of_label(context, label):
    forms = {real_of(context, Known(item)).form for item in label.table}
    owners = {real_of(context, Known(item)).owner for item in label.table}
    if len(forms) > 1 or len(owners) > 1:
        raise context.rejection("computes with constants of different types")
    form, owner = forms.pop(), owners.pop()
    ctype = "float" if form == FLOAT32 else "double"
    return Real(f"{context.code.table(ctype, [float(item) for item in label.table])}[{label.code}]", form, owner)


def _of_known(context, value):
    owner = NUMPY if isinstance(value, np.generic) else PYTHON
    if isinstance(value, (bool, np.bool_)):
        return Real(literal("double", value), BOOL, owner)
    if isinstance(value, (int, np.integer)):
        if abs(int(value)) >= MAX_SIZE:
            raise context.rejection("computes with a whole number above 2^53")
        return Real(literal("double", value), INTEGER, owner)
    if isinstance(value, np.float32):
        return Real(literal("float", value), FLOAT32, NUMPY)
    if isinstance(value, (float, np.float64)):
        return Real(f"({literal('double', value)})", FLOAT, owner)
    raise context.rejection(f"computes with {'a text' if isinstance(value, str) else type(value).__name__}")


def number_of(context, real):
    """Return a Real in the form that estimators accept, float64 or float32."""
    real = clean(context, real)
    return Number(real.code, "float32") if real.form == FLOAT32 else Number(double_of(real), "float64")


def double_of(real):
    """Return C code of a number as a double; a truth value is an int, which C would divide as an integer."""
    return real.code if real.form == FLOAT or real.struct else f"((double){real.code})"


def clean(context, real):
    """Return a Real that is certainly a number: the program fails if Python would have anything else there."""
    if real.other is None:
        return real
    if real.other == kinds.HALF:
        context.return_if(f"{real.struct}.form == NB_AS_OTHER", "NB_BEYOND")
        return Real(real.code, FLOAT, real.owner)
    context.fail_if(f"{real.struct}.form == NB_AS_OTHER")
    return real._replace(other=None)


def value_of(context, value):
    """Return a Real of which only the value matters, as in predictions and float(); half floats are accepted, too."""
    if isinstance(value, Real) and value.other == kinds.HALF:
        return Real(value.code, FLOAT)
    return real_of(context, value)


def sure(context, real, use):
    """Return a Real; raise Refusal if it may be text or an array for which `use` wouldn't raise in Python."""
    if real.other in (kinds.TEXT, kinds.ARRAY):
        reason = f"{use} what may be {real.other}; convert it with float() or check its type"
        raise context.rejection(reason)
    return real


def real_for(context, value, use):
    """Return a Real that is certainly a number; anything else is rejected as by `sure`, or fails."""
    return clean(context, sure(context, real_of(context, value), use))


def struct_of(real):
    """Return the C code of an nb_number."""
    return real.struct or f"nb_as({real.code}, {real.form})"


def _declared(context, expression):
    """Declare an nb_number; the program returns if computing it failed."""
    name = context.name_of("n", f"const nb_number {{}} = {expression};")
    context.return_if(f"{name}.failed", f"{name}.failed")
    return name


def made(context, expression, form, owner=PYTHON, other=None):
    """Declare the nb_number that a function of nb_python.h returns, and return it as a Real."""
    name = _declared(context, expression)
    return Real(f"{name}.value", form if form in STATIC else f"{name}.form", owner, name, other)


def float_of(context, expression, owner=PYTHON):
    """Declare a double and return it as a Real."""
    return Real(context.name_of("v", f"const double {{}} = {expression};"), FLOAT, owner)


def common_form(one, other):
    """Return the form of a sum: INTEGER or FLOAT if it is certain, else None."""
    if FLOAT in (one, other):
        return FLOAT
    return INTEGER if {one, other} <= {BOOL, INTEGER} else None


def _owner(one, other):
    owners = {one.owner, other.owner}
    return owners.pop() if len(owners) == 1 else EITHER if EITHER in owners else NUMPY


def binary(context, operator, left, right, in_array=False):
    """Return the Real of `left operator right`; one of the values may be a Sample.

    `in_array` means that the operands are array items, where the array's dtype takes precedence.
    """
    kind = type(operator)
    one, other = _operands(context, kind, left, right)
    owner = _owner(one, other)
    may_be = _other_of(context, kind, one, other)
    if owner == NUMPY and _may_be_bool(one) and _may_be_bool(other):
        raise context.rejection("computes with values that may be numpy booleans")
    if FLOAT32 in (one.form, other.form):
        return _of_float32(context, kind, one, other, in_array)
    form = common_form(one.form, other.form)
    if form == FLOAT and may_be is None and kind in _INFIX:
        if kind is ast.Div and owner != NUMPY:
            _reject_either(context, owner)
            context.fail_if(f"{other.code} == 0.0")
        return float_of(context, f"{one.code} {_INFIX[kind]} {other.code}", owner)
    pair = struct_of(one), struct_of(other)
    if kind in _FUNCTIONS:
        function = "nb_repeated" if kind is ast.Mult and may_be == kinds.TEXT else _FUNCTIONS[kind]
        return made(context, f"{function}({pair[0]}, {pair[1]})", form, owner, may_be)
    if kind not in _BY_OWNER:
        raise context.rejection("has an operator that has no native form")
    _reject_either(context, owner)
    if kind is ast.Div:
        form = FLOAT
    if kind is ast.Pow and form == INTEGER and owner == PYTHON:
        form = None
    form = None if may_be else form
    if may_be and owner == NUMPY:
        raise context.rejection(f"computes with what may be {may_be}; convert it with float()")
    return made(context, _BY_OWNER[kind][owner == NUMPY].format(*pair), form, owner, may_be)


def _reject_either(context, owner):
    if owner == EITHER:
        raise context.rejection(
            "divides a value that is a Python number in one branch and a numpy number in another; use float()"
        )


def _may_be_bool(real):
    return real.form == BOOL or real.form not in STATIC


def _operands(context, kind, left, right):
    """Return both operands as Reals; if Python accepts text or a list from the sample, as Reals that may be one."""
    pair = [left, right]
    numpy_around = any(not isinstance(value, Sample) and real_of(context, value).owner != PYTHON for value in pair)
    samples = [value for value in pair if isinstance(value, Sample)]
    may_be = None
    if numpy_around:
        may_be = kinds.ARRAY
    elif kind is ast.Mult and any(_is_float(context, value) for value in pair):
        # Sequences can't be repeated a fractional number of times.
        may_be = None
    elif kind in (ast.Mult, ast.Mod) or (kind is ast.Add and len(samples) == 2):
        may_be = kinds.TEXT
    reals = [
        of_sample(context, value, may_be) if isinstance(value, Sample) else real_of(context, value) for value in pair
    ]
    if kind is ast.Add and may_be == kinds.TEXT and any(real.other for real in reals):
        tests = " || ".join(f"{real.struct}.form == NB_AS_OTHER" for real in reals if real.other)
        context.fail_if(f"({tests}) && {left.code}->type != {right.code}->type")
    elif may_be is None or len(samples) < 2:
        reals = [_settled(context, kind, real, value) for real, value in zip(reals, pair)]
    return reals


def _is_float(context, value):
    return not isinstance(value, Sample) and real_of(context, value).form == FLOAT


def _settled(context, kind, real, value):
    """Return an operand for which text would raise, as a Real that is certainly a number."""
    if real.other == kinds.TEXT and not isinstance(value, Sample) and kind not in (ast.Mult, ast.Mod):
        return clean(context, real)
    return real


def _other_of(context, kind, one, other):
    """Return the non-number that the result may be."""
    found = {real.other for real in (one, other)} - {None}
    if len(found) > 1:
        raise context.rejection(f"computes with what may be {' or '.join(sorted(found))}")
    if found == {kinds.COMPLEX} and kind in (ast.FloorDiv, ast.Mod):
        raise context.rejection("divides a value that may be a complex number")
    if not found and kind is ast.Pow and _owner(one, other) == PYTHON and _may_be_complex(one, other):
        return kinds.COMPLEX
    return found.pop() if found else None


def _may_be_complex(base, power):
    if base.form in (BOOL, INTEGER) and power.form in (BOOL, INTEGER):
        return False
    constant_base, constant_power = _constant(base), _constant(power)
    is_positive = constant_base is not None and constant_base >= 0
    return not is_positive and (constant_power is None or not constant_power.is_integer())


def _constant(real):
    """Return the value of a literal Real, else None."""
    try:
        return float.fromhex(real.code.strip("()"))
    except ValueError:
        return None


def _of_float32(context, kind, one, other, in_array):
    """Return the Real of an operation with a float32; numpy determines the result type."""
    if kind not in _INFIX or one.other or other.other:
        raise context.rejection("uses an operation on float32 that has no native form; convert the value with float()")
    if EITHER in (one.owner, other.owner):
        raise context.rejection("computes with a value that is a float32 in one branch only")
    kinds_of_result = {
        np.asarray(_probe(a, in_array) * _probe(b, in_array)).dtype.name
        for a in _possible(one)
        for b in _possible(other)
    }
    if kinds_of_result == {"float32"}:
        text = f"(float)({one.code}) {_INFIX[kind]} (float)({other.code})"
        return Real(context.name_of("v", f"const float {{}} = {text};"), FLOAT32, NUMPY)
    if kinds_of_result == {"float64"}:
        return float_of(context, f"(double)({one.code}) {_INFIX[kind]} (double)({other.code})", NUMPY)
    raise context.rejection("computes with float32 and a number of unknown type")


def _possible(real):
    forms = [real.form] if real.form in STATIC else [BOOL, INTEGER, FLOAT]
    return [(form, real.owner) for form in forms]


def _probe(form_and_owner, in_array):
    """Return a sample value of this form, from which numpy computes the result type."""
    form, owner = form_and_owner
    value = {BOOL: True, INTEGER: 1, FLOAT: 1.0, FLOAT32: np.float32(1)}[form]
    if owner == NUMPY:
        value = np.asarray([value]) if in_array else np.asarray(value)[()]
    return value


def weak_as_float32(one, other):
    """Return whether numpy compares a float32 with a Python number in float32, as it does from 2.0 on."""
    return FLOAT32 in (one.form, other.form) and PYTHON in (one.owner, other.owner) and bool(np.float32(0.1) == 0.1)


def compared(context, symbol, left, right):
    """Return the Real of `left symbol right`; `symbol` is a C operator, and both operands are Reals."""
    one, other = left, right
    owner = _owner(one, other)
    if weak_as_float32(one, other):
        text = f"(float)({one.code}) {symbol} (float)({other.code})"
    else:
        text = f"{one.code} {symbol} {other.code}"
    return Real(context.name_of("c", f"const int {{}} = {text};"), BOOL, owner)


def unary(context, operator, value):
    """Return the Real of -value or +value."""
    real = real_of(context, value)
    if real.other == kinds.TEXT:
        real = clean(context, real)
    if real.owner != PYTHON and _may_be_bool(real):
        raise context.rejection("computes with values that may be numpy booleans")
    if real.form == FLOAT32:
        sign = "-" if isinstance(operator, ast.USub) else "+"
        return Real(f"({sign}({real.code}))", FLOAT32, real.owner)
    function = "nb_negative" if isinstance(operator, ast.USub) else "nb_positive"
    if real.form == FLOAT:
        return float_of(context, f"{'-' if function == 'nb_negative' else ''}({real.code})", real.owner)
    form = INTEGER if real.form in STATIC else None
    return made(context, f"{function}({struct_of(real)})", form, real.owner, real.other)
