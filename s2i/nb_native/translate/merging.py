"""Merging after branches: two values become one, in variables that both arms assign."""

from typing import NamedTuple

from nb_native.translate import labels, numbers, samples
from nb_native.translate.kinds import EITHER, FLOAT, FLOAT32, STATIC, Real, Torn
from nb_native.values import Known, Label, Number, Record, Sample, Vector


class Way(NamedTuple):
    """One of two arms: its captured `lines`, to which assignments are appended, and its values."""

    lines: list
    values: tuple


def meet(context, condition, one, other):
    """Write `if (condition)` with two Ways; return the values after it, Torn if they have no common form."""
    merged = settled(context, one, other)
    code = context.code
    if one.lines:
        code.lines_in(f"if ({condition})", one.lines)
        code.lines_in("else", other.lines)
    else:
        code.lines_in(f"if (!({condition}))", other.lines)
    return merged


def settled(context, one, other):
    """Merge the values of two Ways, Torn if they have no common form; each way assigns them at its end."""
    return tuple(_merged(context, pair, (one.lines, other.lines)) for pair in zip(one.values, other.values))


def merged_names(merge, *outcomes):
    """Return {name: value} after two ways meet; `outcomes` holds (lines, names) of each way; `merge` merges them.

    A name that only one way assigns is Torn.
    """
    all_names = sorted({name for _, names in outcomes for name in names})
    values = merge(*(Way(lines, tuple(names.get(name) for name in all_names)) for lines, names in outcomes))
    return {name: value for name, value in zip(all_names, values) if value is not None}


def _merged(context, pair, ways):
    one, other = pair
    if one is other or _are_equal(one, other):
        return one
    if isinstance(one, Torn) or isinstance(other, Torn):
        return one if isinstance(one, Torn) else other
    if one is None or other is None:
        return Torn("may have no value yet")
    found = None
    if isinstance(one, (Known, Label)) and isinstance(other, (Known, Label)):
        found = _labels(context, one, other, ways)
    elif numbers.is_number(one) and numbers.is_number(other):
        found = _reals(context, one, other, ways)
    elif isinstance(one, Vector) and isinstance(other, Vector):
        found = _vectors(context, one, other, ways)
    elif isinstance(one, Record) and isinstance(other, Record):
        found = _records(context, one, other, ways)
    elif isinstance(one, (Sample, Known)) and isinstance(other, (Sample, Known)):
        found = _samples(context, one, other, ways)
    return found or Torn("has different types in different branches")


def _are_equal(one, other):
    if type(one) is not type(other):
        return False
    if isinstance(one, Known):
        return labels.same(one.value, other.value)
    if isinstance(one, Label):
        return one.code == other.code and labels.same(one.table, other.table)
    if isinstance(one, (Real, Number, Sample)):
        return one == other
    return False


def _labels(context, one, other, ways):
    table: list = []
    places = []
    for label in map(labels.as_label, (one, other)):
        place_of = []
        for item in label.table:
            found = next((place for place, known in enumerate(table) if labels.same(known, item)), None)
            if found is None:
                found = len(table)
                table.append(item)
            place_of.append(found)
        places.append((label, place_of))
    name = context.name_of("k", "int {};")
    for (label, place_of), lines in zip(places, ways):
        if len(place_of) == 1:
            text = str(place_of[0])
        elif place_of == list(range(len(place_of))):
            text = label.code
        else:
            text = f"{context.code.table('index', place_of)}[{label.code}]"
        lines.append(_indented(context, f"{name} = (int){text};" if not text.isdigit() else f"{name} = {text};"))
    return Label(name, tuple(table))


def _indented(context, text):
    with context.code.captured() as lines:
        context.code.line(text)
    return lines[0]


def _reals(context, one, other, ways):
    reals = [_real(context, value, lines) for value, lines in zip((one, other), ways)]
    if any(real is None or real.other is not None for real in reals):
        return None
    forms = {real.form for real in reals}
    owners = {real.owner for real in reals}
    owner = owners.pop() if len(owners) == 1 else EITHER
    if forms <= set(STATIC) and (len(forms) == 1 or FLOAT32 in forms):
        form = forms.pop() if len(forms) == 1 else FLOAT
        if FLOAT32 in forms or (form == FLOAT and len({real.form for real in reals}) > 1):
            # Both are doubles in a prediction, but numpy computes with them differently.
            if not {real.form for real in reals} <= {FLOAT, FLOAT32}:
                return None
            owner = EITHER
        ctype = "float" if form == FLOAT32 else "double"
        name = context.name_of("v", f"{ctype} {{}};")
        for real, lines in zip(reals, ways):
            lines.append(_indented(context, f"{name} = {real.code};"))
        return Real(name, form, owner)
    name = context.name_of("n", "nb_number {};")
    for real, lines in zip(reals, ways):
        lines.append(_indented(context, f"{name} = {numbers.struct_of(real)};"))
    return Real(f"{name}.value", f"{name}.form", owner, name)


def _real(context, value, lines):
    """Return a number as a Real, or None; statements that this needs are added at the end of its way."""
    if isinstance(value, Label):
        return _of_label(context, value)
    with context.code.captured() as written:
        real = numbers.real_of(context, value)
    lines.extend(_indented(context, line.strip()) for line in written)
    return real


def _of_label(context, label):
    if len({type(item) for item in label.table}) > 1:
        return None
    return numbers.real_of(context, label)


def _vectors(context, one, other, ways):
    if one.kind != other.kind or len(one.items) != len(other.items):
        return None
    items = tuple(_merged(context, pair, ways) for pair in zip(one.items, other.items))
    return None if any(isinstance(item, Torn) for item in items) else Vector(items, one.kind)


def _records(context, one, other, ways):
    if list(one.fields) != list(other.fields):
        return None
    fields = {key: _merged(context, (value, other.fields[key]), ways) for key, value in one.fields.items()}
    return None if any(isinstance(item, Torn) for item in fields.values()) else Record(fields)


def _samples(context, one, other, ways):
    if any(isinstance(value, Known) and not _is_scalar_of_json(value.value) for value in (one, other)):
        return None
    name = context.name_of("s", "const nb_value *{};")
    types: frozenset = frozenset()
    for value, lines in zip((one, other), ways):
        if isinstance(value, Known):
            code = samples.constant_of(context, value.value)
            types |= {samples.type_of_constant(value.value)}
        else:
            code = value.code
            types |= samples.types_of(context, value)
        lines.append(_indented(context, f"{name} = {code};"))
    context.facts.types[name] = types
    return Sample(name)


def _is_scalar_of_json(value):
    return value is None or type(value) in (bool, float, str) or (type(value) is int and abs(value) < numbers.MAX_SIZE)
