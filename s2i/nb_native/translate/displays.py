"""Displays: lists, tuples, sets, dicts and f-strings, with their items evaluated in place."""

import ast
import operator
from typing import Any

import numpy as np

from nb_native.translate import labels
from nb_native.translate.iteration import iterated
from nb_native.values import Known, Label, Record, Vector


def escaping(context, node):
    """Evaluate an expression whose value gets a second reference, through which its changes would be visible."""
    if isinstance(node, ast.Name):
        context.frame.shared.add(node.id)
    return context.evaluate(node)


def items_of_display(context, nodes):
    """Return the values in a list or tuple display, or among arguments, including starred ones."""
    items = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            items += iterated(context, context.evaluate(node.value))
        else:
            items.append(escaping(context, node))
    return items


def list_display(context, node):
    """Return […] as a Vector."""
    return Vector(tuple(items_of_display(context, node.elts)), "list")


def tuple_display(context, node):
    """Return (…, …) as a Known if all its items are known, else as a Vector."""
    items = items_of_display(context, node.elts)
    if all(isinstance(item, Known) for item in items):
        return Known(tuple(item.value for item in items))
    return Vector(tuple(items), "tuple")


def set_display(context, node):
    """Return {…, …} as a Known; raise Refusal if an item is not known."""
    items = items_of_display(context, node.elts)
    if not all(isinstance(item, Known) for item in items):
        raise context.rejection("creates a set of values that depend on the sample")
    return Known(labels.raised(context, set, [item.value for item in items]))


def dict_display(context, node):
    """Return {…: …} as a Record."""
    fields = {}
    for key, value in zip(node.keys, node.values):
        if key is None:
            unpacked = fields_of(context.evaluate(value))
            if unpacked is None:
                raise context.rejection("creates a dict from a value that has no native form")
            fields.update(unpacked)
        else:
            set_field(context, fields, context.evaluate(key), escaping(context, value))
    return Record(fields)


def set_field(context, fields, key, value):
    """Set a field of a Record; the key is a constant."""
    if not isinstance(key, Known):
        raise context.rejection("creates a dict with a key that is not a constant")
    labels.raised(context, hash, key.value)
    fields[key.value] = value


def fields_of(value):
    """Return the fields of a Record or of a constant dict, or None for other values."""
    if isinstance(value, Record):
        return value.fields
    if isinstance(value, Known) and isinstance(value.value, dict):
        return {key: Known(item) for key, item in value.value.items()}
    return None


def joined_text(context, node):
    """Return an f-string of constants, as a Known or a Label."""
    parts = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(Known(part.value))
            continue
        value = context.evaluate(part.value)
        spec = Known("") if part.format_spec is None else context.evaluate(part.format_spec)
        if not isinstance(value, (Known, Label)) or not isinstance(spec, Known):
            raise context.rejection("creates a string from a value that is not a constant")
        parts.append(
            labels.mapped(context, lambda item, part=part, spec=spec: _formatted(item, part, spec.value), value)
        )
    result = Known("")
    for part in parts:
        result = labels.mapped(context, operator.add, result, part)
    return result


def _formatted(item, part, spec):
    convert: Any = {"s": str, "r": repr, "a": ascii}.get(chr(part.conversion)) if part.conversion > 0 else None
    if convert is not None and convert is not str and isinstance(item, np.generic):
        # Whether numpy stored the label's text as its own string type is unknown.
        raise ValueError
    return format(convert(item) if convert else item, spec)
