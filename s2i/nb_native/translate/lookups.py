"""Attributes, items and slices of constants, of the sample, and of values derived from it."""

import ast
import operator

import numpy as np
from nb_scorer.batching.syntax_nodes import UNKNOWN, index_of, short_text_of

from nb_native.translate import arrays, labels, numbers, samples
from nb_native.translate.iteration import out_of, reject_generator
from nb_native.translate.kinds import BOOL, FLOAT, FLOAT32, INTEGER, NUMPY, STATIC, Lazy, Matrix, Real, Table
from nb_native.values import Frame, Known, Label, Number, Record, Sample, Vector


def attribute_of(context, value, name):
    """Return value.name, or None if it isn't a known attribute."""
    if isinstance(value, Known):
        return Known(labels.raised(context, getattr, value.value, name))
    if isinstance(value, Vector) and value.kind == "array" and name == "shape":
        return Known(shape_of(value))
    if isinstance(value, Vector) and value.kind == "array" and name == "size":
        return Known(int(np.prod(shape_of(value))))
    return None


def shape_of(value):
    """Return an array's shape."""
    inner = value.items[0] if value.items else None
    return (len(value.items), *(shape_of(inner) if isinstance(inner, Vector) else ()))


def attribute(context, node):
    """Return the value of `value.name`."""
    value = context.evaluate(node.value)
    found = attribute_of(context, value, node.attr)
    if found is None:
        if isinstance(value, Sample):
            # JSON values have no attributes other than methods.
            raise context.rejection(f"uses {short_text_of(node)} without calling it")
        raise context.rejection(f"uses {short_text_of(node)}, which has no native form")
    return found


def subscript(context, node):
    """Return the value of `value[index]`, an item or a slice."""
    value = context.evaluate(node.value)
    index = index_of(node)
    if isinstance(index, ast.Slice):
        return _slice(context, value, index)
    if isinstance(index, ast.Tuple):
        return _by_tuple(context, value, index)
    return item_of(context, value, context.evaluate(index))


def _bounds(context, node):
    found = []
    for part in (node.lower, node.upper, node.step):
        value = Known(None) if part is None else context.evaluate(part)
        if not isinstance(value, Known) or not (value.value is None or isinstance(value.value, (int, np.integer))):
            raise context.rejection("takes a slice whose bounds are not constants")
        found.append(value.value)
    return found


def _slice(context, value, node):
    start, stop, step = _bounds(context, node)
    if isinstance(value, (Known, Label)):
        return labels.mapped(context, lambda item: item[start:stop:step], value)
    value = arrays.written_out(context, value)
    if isinstance(value, Vector):
        return value._replace(items=value.items[start:stop:step])
    if isinstance(value, Sample):
        if step not in (None, 1):
            raise context.rejection("takes a slice of the sample with a step")
        return samples.part(context, value, start, stop)
    raise context.rejection("takes a slice of a value that has no native form")


def _by_tuple(context, value, node):
    """Return array[i, j], array[:, j] or array[None, :]."""
    parts = node.elts
    whole = [isinstance(part, ast.Slice) and part.lower is part.upper is part.step is None for part in parts]
    if len(parts) == 2 and whole[1] and not isinstance(parts[0], ast.Slice):
        first = context.evaluate(parts[0])
        if first == Known(None):
            return one_row(context, value)
        return item_of(context, value, first)
    if isinstance(value, Vector) and value.kind == "array" and len(parts) == 2:
        second = context.evaluate(parts[1]) if not isinstance(parts[1], ast.Slice) else None
        if whole[0] and second is not None:
            return value._replace(items=tuple(item_of(context, item, second) for item in value.items))
        if second is not None and not isinstance(parts[0], ast.Slice):
            return item_of(context, item_of(context, value, context.evaluate(parts[0])), second)
    raise context.rejection("indexes an array in a way that has no native form")


def one_row(context, value):
    """Return a row as a two-dimensional array with one row, like reshape(1, -1)."""
    if isinstance(value, Matrix) and not value.flat and value.rows == 0:
        if isinstance(value.inner, (Sample, Lazy)):
            return value._replace(rows=1)
        if not any(isinstance(item, (Vector, Matrix)) for item in value.inner.items):
            return Matrix(Vector((value.inner,), "list"), value.dtype)
    if isinstance(value, Vector) and value.kind == "array" and not any(isinstance(i, Vector) for i in value.items):
        return Vector((value,), "array")
    raise context.rejection("selects rows of an array in a way that has no native form")


def item_of(context, value, index):
    """Return value[index]."""
    if isinstance(value, (Frame, Table)):
        return _column(context, value, index)
    reject_generator(context, value)
    if isinstance(index, Vector) and all(isinstance(item, Known) for item in index.items):
        index = Known([item.value for item in index.items])
    value = arrays.written_out(context, value)
    if isinstance(value, Sample):
        return _item_of_sample(context, value, index)
    if isinstance(value, Record):
        return _item_of_record(context, value, index)
    if isinstance(value, (Known, Label)) and isinstance(index, (Known, Label)):
        return labels.mapped(context, lambda one, other: one[other], value, index)
    if isinstance(value, Known) and isinstance(value.value, dict):
        return looked_up(context, value.value, index)
    if isinstance(value, Known) and isinstance(value.value, (list, tuple, np.ndarray)):
        return _selected(context, Vector(tuple(map(Known, value.value)), _kind_of(value.value)), index)
    if isinstance(value, Vector):
        return _item_of_vector(context, value, index)
    raise context.rejection("indexes a value that has no native form")


def _kind_of(value):
    return "array" if isinstance(value, np.ndarray) else type(value).__name__


def _column(context, value, index):
    if isinstance(index, Vector):
        index = arrays.known_list(context, index)
    if (isinstance(index, Known) and isinstance(index.value, (list, np.ndarray))) or _is_index(index):
        return arrays.columns(context, value, [str(name) for name in index.value])
    raise context.rejection("selects a column of a table; use the sample's own key")


def _is_index(index):
    """Return whether a constant is a pandas list of columns."""
    return isinstance(index, Known) and hasattr(index.value, "tolist") and hasattr(index.value, "__iter__")


def _item_of_sample(context, value, index):
    if isinstance(index, Known):
        key = index.value
        if isinstance(key, (bool, int, np.integer)):
            return samples.item(context, value, int(key))
        if isinstance(key, str):
            return samples.field(context, value, str(key))
        if isinstance(key, (float, type(None), list, tuple)):
            # Lists have no such index, and objects no such key.
            context.fail()
    raise context.rejection("looks up a key or index of the sample that is not a constant")


def _item_of_record(context, value, index):
    if isinstance(index, Known):
        labels.raised(context, hash, index.value)
        if index.value not in value.fields:
            context.fail()
        return value.fields[index.value]
    constant = constant_dict(value)
    if constant is not None and isinstance(index, Label):
        return labels.mapped(context, constant.__getitem__, index)
    if constant is not None:
        return looked_up(context, constant, index)
    raise context.rejection("looks up a key in a dict of the sample that is not a constant")


def constant_dict(record):
    """Return a Record as a Python dict, or None if one of its values isn't known."""
    constant = labels.constant_of(record)
    return None if constant is UNKNOWN else constant.value


def _item_of_vector(context, value, index):
    if isinstance(index, Known):
        if isinstance(index.value, (list, np.ndarray)) and value.kind == "array":
            picked = [item_of(context, value, Known(place)) for place in index.value]
            return Vector(tuple(picked), "array")
        if not isinstance(index.value, (bool, int, np.integer)):
            context.fail()
        if not -len(value.items) <= index.value < len(value.items):
            context.fail()
        return out_of(value, value.items[index.value])
    return _selected(context, value, index)


def _selected(context, value, index):
    """Return value[index] for an index that is known only at run time."""
    count = len(value.items)
    place = _place(context, index, count, value.kind)
    constants = [labels.as_label(item) for item in value.items]
    if all(item is not None and len(item.table) == 1 for item in constants):
        return labels.collapsed(Label(place, tuple(item.table[0] for item in constants)))
    if not all(numbers.is_number(item) for item in value.items):
        raise context.rejection("selects an item with an index that is not a constant")
    reals = [numbers.real_of(context, item) for item in value.items]
    forms, owners = {real.form for real in reals}, {real.owner for real in reals}
    if len(forms) > 1 or len(owners) > 1 or not forms <= set(STATIC):
        raise context.rejection("selects one of several numbers of different types")
    ctype = "float" if forms == {FLOAT32} else "double"
    texts = ", ".join(real.code for real in reals)
    name = context.name_of("x", f"const {ctype} {{}}[{count}] = {{ {texts} }};")
    return Real(f"{name}[{place}]", forms.pop(), owners.pop())


def _place(context, index, count, kind):
    """Return the C code of a non-negative index; the program fails where Python raises."""
    if isinstance(index, Label):
        if any(not isinstance(item, (bool, int, np.integer)) for item in index.table):
            context.fail()
        mapped = labels.mapped(context, lambda item: range(count)[item], index)
        if isinstance(mapped, Known):
            return str(mapped.value)
        return f"{context.code.table('index', mapped.table)}[{mapped.code}]"
    if isinstance(index, Sample):
        if kind == "array" and samples.types_of(context, index) & {"list", "null", "boolean"}:
            raise context.rejection("indexes an array with a part of the sample; convert it with int()")
        samples.require(context, index, frozenset(["boolean", "integer"]))
        index = numbers.of_sample(context, index)
    if not isinstance(index, Real) or index.other is not None:
        raise context.rejection("uses an index that is not a number")
    if kind == "array" and index.form != INTEGER:
        raise context.rejection("indexes an array with a value that may not be a whole number; convert it with int()")
    if index.form in (FLOAT, FLOAT32):
        context.fail()
    if index.form == BOOL and index.owner == NUMPY:
        # Newer versions of numpy reject their truth values as indexes.
        labels.raised(context, operator.index, np.True_)
    if index.form not in STATIC:
        context.fail_if(f"{index.form} == {FLOAT}")
    name = context.name_of(
        "k", f"int {{}} = ({index.code} < {count}.0 && {index.code} >= -{count}.0) ? (int){index.code} : {count};"
    )
    context.fail_if(f"{name} == {count}")
    context.code.line(f"{name} += {name} < 0 ? {count} : 0;")
    return name


def looked_up(context, table, key, default=UNKNOWN):
    """Return table[key], or table.get(key, default), for a constant dict and a key known only at run time."""
    if hasattr(table, "__missing__"):
        raise context.rejection(
            f"looks something up in a {type(table).__name__}, which defines its own default for missing keys"
        )
    return found_among(context, list(table), list(table.values()), key, default)


def found_among(context, keys, values, key, default=UNKNOWN):
    """Return the value of the first constant key that equals `key`, else the default.

    Without a default, the program fails if no key matches.
    """
    if isinstance(key, Sample):
        samples.require_hashable(context, key)
        tests = [samples.equals(context, key, Known(item)) for item in keys]
    elif isinstance(key, (Real, Number)):
        real = numbers.real_of(context, key)
        if real.other is not None or real.form == FLOAT32:
            raise context.rejection("looks up a number that has no native form as a key")
        tests = [
            f"{real.code} == {numbers.real_of(context, Known(item)).code}" if numbers.is_number(Known(item)) else False
            for item in keys
        ]
    else:
        raise context.rejection("looks up a key that is neither a number nor a string")
    name = context.name_of("k", "int {} = -1;")
    keyword = "if"
    for place, test in enumerate(tests):
        if test is not False:
            context.code.line(f"{keyword} ({'1' if test is True else test})")
            context.code.line(f"    {name} = {place};")
            keyword = "else if"
    if default is UNKNOWN:
        context.fail_if(f"{name} < 0")
    else:
        if not isinstance(default, Known):
            raise context.rejection("looks up a key with a default that is not a constant")
        context.code.line(f"if ({name} < 0)")
        context.code.line(f"    {name} = {len(values)};")
        values = [*values, default.value]
    if not values:
        context.fail()
    return labels.collapsed(Label(name, tuple(values)))
