"""Conditions: truth, comparisons, membership and types, and what each outcome implies about the sample."""

import ast
import operator

import numpy as np

from nb_native.translate import kinds, labels, numbers, samples
from nb_native.translate.kinds import BOOL, FLOAT, INTEGER, NUMPY, PYTHON, Closure, Lazy, Matrix, Real, Table, TypeOf
from nb_native.values import Frame, Known, Label, Number, Record, Sample, Vector

_ORDER = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_PYTHON = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda one, other: one in other,
    ast.NotIn: lambda one, other: one not in other,
}
# A Python value of each JSON type.
EXAMPLES: tuple = (
    ("null", None),
    ("boolean", True),
    ("integer", 1),
    ("number", 0.5),
    ("text", ""),
    ("list", []),
    ("object", {}),
)
_NEGATED = {ast.NotEq: ast.Eq, ast.IsNot: ast.Is, ast.NotIn: ast.In}


class Condition:
    """A C condition, or True or False if known; `if_true` and `if_false` are the facts that it implies (see Facts)."""

    def __init__(self, code, if_true=None, if_false=None, owner=PYTHON):
        """Create a condition; `code` is True, False or a C expression of type int."""
        self.code = code
        self.if_true = if_true or {}
        self.if_false = if_false or {}
        self.owner = owner

    @property
    def is_known(self):
        """Return whether the condition is independent of the sample."""
        return self.code is True or self.code is False

    def negated(self, owner=PYTHON):
        """Return the Condition of `not` this, which is a Python bool whatever this is, or of another `owner`."""
        code = not self.code if self.is_known else f"!({self.code})"
        return Condition(code, self.if_false, self.if_true, owner)

    def value(self, context):
        """Return the condition as a value."""
        if self.is_known:
            return Known(np.bool_(self.code) if self.owner == NUMPY else self.code)
        return Real(context.name_of("c", f"const int {{}} = {self.code};"), BOOL, self.owner)


def truth_of(context, value):
    """Return the Condition that Python considers a value true."""
    if isinstance(value, Sample):
        types = samples.types_of(context, value)
        if types == {"null"}:
            return Condition(False)
        return Condition(f"nb_truth({value.code})", {(value.code, "types"): types - {"null"}})
    if isinstance(value, (Known, Label)):
        return _of_constant(context, labels.mapped(context, bool, value))
    if isinstance(value, (Real, Number)):
        real = numbers.sure(context, numbers.real_of(context, value), "tests the truth of")
        if real.other is not None:
            raise context.rejection("tests the truth of a value that may be a complex number")
        return Condition(real.code if real.form == BOOL and real.struct is None else f"{real.code} != 0.0")
    if isinstance(value, Vector) and value.kind == "array":
        if len(value.items) != 1:
            # An array of several items has no truth value, except as a verdict; that of an empty one depends on numpy's
            # version.
            context.fail() if value.items and context.name != "validator" else _reject_truth(context)
        return truth_of(context, value.items[0])
    if isinstance(value, Vector):
        return Condition(value.kind == "generator" or bool(value.items))
    if isinstance(value, Record):
        return Condition(bool(value.fields))
    if isinstance(value, Lazy) and value.kind == "list":
        return Condition(f"nb_length({value.code}) != 0.0")
    return _reject_truth(context)


def _reject_truth(context):
    raise context.rejection("tests the truth of a value that has no native form")


def _of_constant(context, value, owner=PYTHON):
    if isinstance(value, Known):
        return Condition(bool(value.value), owner=owner)
    table = context.code.table("index", [int(item) for item in value.table])
    return Condition(f"{table}[{value.code}]", owner=owner)


def _owner_of(value):
    """Return whose booleans the constants of a comparison's result are."""
    are_numpy = {isinstance(item, np.bool_) for item in labels.as_label(value).table}
    return kinds.EITHER if len(are_numpy) == 2 else NUMPY if True in are_numpy else PYTHON


def compared(context, operation, left, right):
    """Return the Condition of `left operation right`, with an ast operator; an array yields a Vector instead."""
    kind = type(operation)
    if kind in _NEGATED:
        result = compared(context, _NEGATED[kind](), left, right)
        if isinstance(result, Vector):
            return result._replace(items=tuple(_not(context, item) for item in result.items))
        # Unlike `not`, numpy's != yields its own bool.
        return result.negated(result.owner)
    if isinstance(left, (Known, Label)) and isinstance(right, (Known, Label)):
        function = _PYTHON[kind]
        value = labels.mapped(context, function, left, right)
        if isinstance(value, Known) and isinstance(value.value, np.ndarray):
            raise context.rejection("compares a whole array")
        return _of_constant(context, labels.mapped(context, bool, value), _owner_of(value))
    if isinstance(left, TypeOf) and kind in (ast.Is, ast.Eq, ast.In):
        return has_type(context, operation, left.value, right)
    if kind is ast.In:
        return _contained(context, left, right)
    if kind is ast.Is:
        return _identical(context, left, right)
    if _is_array(left) or _is_array(right):
        return _elementwise(context, operation, left, right)
    if kind is ast.Eq:
        return _equal(context, left, right)
    return _ordered(context, kind, left, right)


def _not(context, real):
    return Real(context.name_of("c", f"const int {{}} = !{real.code};"), BOOL, NUMPY)


def _is_array(value):
    return (isinstance(value, Vector) and value.kind == "array") or isinstance(value, (Matrix, Table, Frame))


def _elementwise(context, operation, left, right):
    array, scalar, is_left = (left, right, True) if _is_array(left) else (right, left, False)
    is_plain = isinstance(array, Vector) and all(isinstance(item, (Real, Number, Label)) for item in array.items)
    if not is_plain or not numbers.is_number(scalar):
        raise context.rejection("compares a whole array with a value that has no native form")
    items = []
    for item in array.items:
        pair = (item, scalar) if is_left else (scalar, item)
        condition = compared(context, operation, *pair)
        items.append(
            Real(condition.value(context).code, BOOL, NUMPY)
            if not condition.is_known
            else Real(str(int(condition.code)), BOOL, NUMPY)
        )
    return Vector(tuple(items), "array")


def _ordered(context, kind, left, right):
    pair = [left, right]
    sampled = [value for value in pair if isinstance(value, Sample)]
    if len(sampled) == 2:
        shared = samples.types_of(context, left) & samples.types_of(context, right) & {"text", "list"}
        if shared:
            raise context.rejection(
                "compares two parts of the sample, which may be texts or lists: "
                "float() or a check of their types would make them numbers"
            )
    if sampled and not all(isinstance(value, Sample) or numbers.is_number(value) for value in pair):
        if any(isinstance(value, (Record, Closure)) for value in pair) or _is_none(pair):
            context.fail()
        raise context.rejection("compares a part of the sample with a value that has no native form")
    if not all(isinstance(value, Sample) or numbers.is_number(value) for value in pair):
        raise context.rejection("compares values that have no native form")
    reals = [numbers.real_of(context, value) for value in pair]
    if len(sampled) == 1 and any(real.owner != PYTHON for real in reals):
        # A numpy number compares itself with each item of a list.
        sample = sampled[0]
        if "list" in samples.types_of(context, sample):
            raise context.rejection(
                "compares a numpy number with a value that may be a list; convert it with float() or check its type"
            )
    reals = [_for_order(context, real) for real in reals]
    condition = Condition(numbers.compared(context, _ORDER[kind], *reals).code)
    condition.owner = NUMPY if any(real.owner != PYTHON for real in reals) else PYTHON
    _report_lengths(context, kind, pair, condition)
    return condition


def _for_order(context, real):
    if real.other == kinds.ARRAY:
        numbers.sure(context, real, "compares")
    return numbers.clean(context, real)


def _is_none(pair):
    return any(isinstance(value, Known) and value.value is None for value in pair)


def _equal(context, left, right):
    if isinstance(right, Sample) and not isinstance(left, Sample):
        left, right = right, left
    if isinstance(left, Sample):
        return _equal_to_sample(context, left, right)
    if numbers.is_number(left) and numbers.is_number(right):
        reals = [numbers.real_of(context, value) for value in (left, right)]
        for real in reals:
            if real.other is not None:
                raise context.rejection(f"compares what may be {real.other}")
        owner = NUMPY if any(real.owner != PYTHON for real in reals) else PYTHON
        condition = Condition(numbers.compared(context, "==", *reals).code, owner=owner)
        _report_lengths(context, ast.Eq, [left, right], condition)
        return condition
    if isinstance(left, Vector) and isinstance(right, Vector):
        return _equal_vectors(context, left, right)
    if isinstance(left, Vector) and isinstance(right, Known) and isinstance(right.value, (list, tuple)):
        kind = type(right.value).__name__
        return _equal_vectors(context, left, Vector(tuple(map(Known, right.value)), kind))
    if any(_is_plain_other(one) and numbers.is_number(other) for one, other in ((left, right), (right, left))):
        return Condition(False)
    raise context.rejection("compares values that have no native form")


def _is_plain_other(value):
    """Return whether a value is a constant that equals no number."""
    is_constant = isinstance(value, Known) and (value.value is None or isinstance(value.value, (str, tuple, dict)))
    return is_constant or isinstance(value, Record)


def _equal_vectors(context, left, right):
    if left.kind != right.kind or len(left.items) != len(right.items):
        return Condition(False)
    found = Condition(True)
    for one, other in zip(left.items, right.items):
        found = both(context, found, _equal_items(context, one, other))
    return found


def _equal_items(context, one, other):
    """Return the Condition that two items are equal or identical, which is how lists compare items."""
    reals = [value for value in (one, other) if isinstance(value, (Real, Number))]
    if len(reals) == 2 and any(numbers.real_of(context, real).form not in (BOOL, INTEGER) for real in reals):
        # In a list, NaN equals itself but no other NaN.
        raise context.rejection("compares lists of computed numbers")
    found = compared(context, ast.Eq(), one, other)
    if isinstance(found, Vector):
        raise context.rejection("compares lists of arrays")
    return found


def _equal_to_sample(context, sample, value):
    types = samples.types_of(context, sample)
    if isinstance(value, Vector) and all(isinstance(item, Known) for item in value.items):
        if value.kind in ("list", "tuple"):
            made = list if value.kind == "list" else tuple
            value = Known(made(item.value for item in value.items))
    if isinstance(value, Sample):
        if types <= {"null", "boolean", "integer", "number"} and "null" not in types:
            other = samples.types_of(context, value)
            if not other & {"null", "text", "list", "object"}:
                one, two = (numbers.real_of(context, part) for part in (sample, value))
                return Condition(f"{one.code} == {two.code}")
        raise context.rejection("compares two parts of the sample")
    if isinstance(value, Label):
        conditions = [samples.equals(context, sample, Known(item)) for item in value.table]
        parts = [
            f"({value.code} == {index} && {condition})"
            for index, condition in enumerate(conditions)
            if condition not in (True, False)
        ]
        if True in conditions or not parts:
            raise context.rejection("compares a part of the sample with constants of several types")
        return Condition("(" + " || ".join(parts) + ")")
    if isinstance(value, Known):
        code = samples.equals(context, sample, value)
        reported = {}
        if value.value is None or isinstance(value.value, str):
            reported = {(sample.code, "types"): frozenset(["null" if value.value is None else "text"])}
        elif numbers.is_number(value):
            reported = {(sample.code, "types"): frozenset(["boolean", "integer", "number"])}
        otherwise = {(sample.code, "types"): samples.ALL_TYPES - {"null"}} if value.value is None else {}
        return Condition(code, reported, otherwise)
    if isinstance(value, (Real, Number)):
        real = numbers.real_of(context, value)
        if real.owner != PYTHON and types & {"list"}:
            raise context.rejection("compares a numpy number with a value that may be a list")
        if real.form == kinds.FLOAT32:
            raise context.rejection("compares a float32 with a part of the sample")
        return Condition(samples.equals(context, sample, real))
    raise context.rejection("compares a part of the sample with a value that has no native form")


def _report_lengths(context, kind, pair, condition):
    """Record what a comparison such as `len(x) == 4` implies about x."""
    for one, other in (pair, pair[::-1]):
        is_whole = isinstance(other, Known) and type(other.value) is int
        if kind is ast.Eq and is_whole and isinstance(one, Real):
            for (code, about), name in context.facts.found.items():
                if about == "len()" and name == one.code:
                    condition.if_true[code, "length"] = other.value


def _identical(context, left, right):
    if isinstance(left, Known):
        left, right = right, left
    if not isinstance(right, Known) or not (right.value is None or isinstance(right.value, bool)):
        raise context.rejection("uses 'is' with a value other than None, True and False")
    if isinstance(left, Sample):
        if right.value is None:
            code = samples.is_type(context, left, {"null"})
            key = (left.code, "types")
            return Condition(code, {key: frozenset(["null"])}, {key: samples.ALL_TYPES - {"null"}})
        return Condition(f"{left.code}->type == {'NB_TRUE' if right.value else 'NB_FALSE'}")
    if right.value is None:
        return Condition(False)
    if isinstance(left, Real) and left.form in kinds.STATIC:
        if left.form != BOOL or left.owner == NUMPY:
            return Condition(False)
        if left.owner == PYTHON:
            return Condition(left.code if right.value else f"!({left.code})")
    if isinstance(left, (Vector, Record)):
        return Condition(False)
    raise context.rejection("uses 'is' with a value that has no native form")


def _contained(context, left, right):
    """Return the Condition of `left in right`."""
    if isinstance(right, Sample):
        return _in_sample(context, left, right)
    if isinstance(right, Record):
        right = Known(dict.fromkeys(right.fields))
        if isinstance(left, (Known, Label)):
            return compared(context, ast.In(), left, right)
    if isinstance(right, Vector):
        if right.may_raise:
            raise context.rejection("uses 'in' with a generator, whose items may raise; use a list")
        found = Condition(False)
        for item in right.items:
            found = either(context, found, _equal_items(context, left, item))
        return found
    if not isinstance(right, Known):
        raise context.rejection("uses 'in' with a container that has no native form")
    values = right.value
    if isinstance(values, str):
        raise context.rejection("uses 'in' to search a string")
    if not isinstance(values, (list, tuple, set, frozenset, dict, range, np.ndarray, type({}.keys()))):
        raise context.rejection(f"uses 'in' with a {type(values).__name__}")
    hashes = isinstance(values, (set, frozenset, dict, type({}.keys())))
    if isinstance(left, Sample):
        if hashes:
            samples.require_hashable(context, left)
        if isinstance(values, np.ndarray):
            raise context.rejection("uses 'in' with an array")
        if isinstance(values, range) and len(values) > 64:
            return _in_range(context, left, values)
        items = list(values)
        code = samples.in_constants(context, left, items)
        reported = {}
        if items and all(isinstance(item, str) for item in items):
            reported = {(left.code, "types"): frozenset(["text"])}
        elif items and all(numbers.is_number(Known(item)) for item in items):
            reported = {(left.code, "types"): frozenset(["boolean", "integer", "number"])}
        return Condition(code, reported)
    if isinstance(left, (Real, Number)):
        found = Condition(False)
        for item in values:
            if numbers.is_number(Known(item)):
                found = either(context, found, compared(context, ast.Eq(), left, Known(item)))
        return found
    raise context.rejection("uses 'in' with a value that has no native form")


def _in_range(context, sample, values):
    types = samples.types_of(context, sample)
    if not types & {"boolean", "integer", "number"}:
        return Condition(False)
    if values.step != 1:
        raise context.rejection("uses 'in' with a range that has a step")
    name = context.name_of("n", f"const nb_number {{}} = nb_number_of({sample.code});")
    return Condition(
        f"(!{name}.failed && nb_is_whole({name}.value) && {name}.value >= {values.start}.0 && "
        f"{name}.value < {values.stop}.0)",
        {(sample.code, "types"): frozenset(["boolean", "integer", "number"])},
    )


def _in_sample(context, left, right):
    if not isinstance(left, Known):
        raise context.rejection("uses 'in' to look up a key of the sample that is not a constant")
    if not isinstance(left.value, str):
        raise context.rejection("uses 'in' to look up a key of the sample that is not a string")
    text = samples.text_arguments(left.value)
    if samples.types_of(context, right) <= {"object", "list", "text"}:
        return Condition(f"nb_contains_text({right.code}, {text}) == 1")
    name = context.name_of("c", f"const int {{}} = nb_contains_text({right.code}, {text});")
    context.fail_if(f"{name} < 0")
    context.facts.types[right.code] = samples.types_of(context, right) & {"object", "list", "text"}
    return Condition(name)


def both(context, one, other):
    """Return the conjunction of two conditions that are both evaluated."""
    return _joined(one, other, "&&", False)


def either(context, one, other):
    """Return the disjunction of two conditions that are both evaluated."""
    return _joined(one, other, "||", True)


def _joined(one, other, symbol, decisive):
    for first, second in ((one, other), (other, one)):
        if first.is_known:
            return Condition(decisive) if first.code is decisive else second
    joined = Condition(f"(({one.code}) {symbol} ({other.code}))")
    if symbol == "&&":
        joined.if_true = merged_facts(one.if_true, other.if_true)
    else:
        joined.if_false = merged_facts(one.if_false, other.if_false)
    return joined


def merged_facts(one, other):
    """Return the facts implied by two conditions that both hold."""
    merged = dict(one)
    for key, what in other.items():
        merged[key] = merged[key] & what if key[1] == "types" and key in merged else what
    return merged


def is_instance(context, value, classes):
    """Return the Condition of isinstance(value, classes); `classes` is anything that Python accepts."""
    if isinstance(value, Sample):
        return of_type(context, value, lambda example: isinstance(example, classes))
    if isinstance(value, (Known, Label)):
        return _of_constant(context, labels.mapped(context, lambda item: isinstance(item, classes), value))
    return Condition(labels.raised(context, isinstance, _stand_in(context, value), classes))


def of_type(context, sample, is_one):
    """Return the Condition that `is_one` holds for an object of the sample value's Python type."""
    types = frozenset(name for name, example in EXAMPLES if labels.raised(context, is_one, example))
    key = (sample.code, "types")
    code = samples.is_type(context, sample, types)
    return Condition(code, {key: types}, {key: samples.ALL_TYPES - types})


def has_type(context, operation, value, right):
    """Return the Condition of `type(value) is right`, also for == and in."""
    if not isinstance(right, Known):
        raise context.rejection("compares a type with a value that is not a constant")
    classes = right.value if isinstance(operation, ast.In) else (right.value,)
    if isinstance(value, Sample):
        return of_type(context, value, lambda example: type(example) in classes)
    if isinstance(value, (Known, Label)):
        return _of_constant(context, labels.mapped(context, lambda item: type(item) in classes, value))
    return Condition(type(_stand_in(context, value)) in classes)


def _stand_in(context, value):
    """Return a Python object of a value's type."""
    if isinstance(value, Vector):
        return {"list": [], "tuple": (), "array": np.zeros(0)}[value.kind]
    if isinstance(value, Record):
        return {}
    if isinstance(value, Real) and value.form in kinds.STATIC and value.other is None:
        python = {BOOL: True, INTEGER: 1, FLOAT: 1.0}
        own = {BOOL: np.bool_(True), INTEGER: np.int64(1), FLOAT: np.float64(1), kinds.FLOAT32: np.float32(1)}
        if value.owner == PYTHON:
            return python[value.form]
        if value.owner == NUMPY:
            return own[value.form]
    raise context.rejection("uses the type of a value that has no native form")
