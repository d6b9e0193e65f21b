"""What type hints say of samples and answers: the JSON schema of a hint, as far as JSON has words for it.

A hint promises what rows can only show: `list[float]` where all rows have whole numbers, `Literal["a", "b"]`
where one row has "a". What is no hint of JSON's kinds says nothing, and its schema is {}.
"""

import collections.abc
import datetime as dt
import decimal
import enum
import inspect
import numbers
import os
import types
import typing
import uuid

from nb_scorer import values

# More of them would be a list to look something up in, and no help on a page.
MOST_VALUES = 100
# As values writes them; bool is an Integral, and datetime a date.
_SCALARS = (
    (bool, "boolean"),
    (numbers.Integral, "integer"),
    (numbers.Real, "number"),
    (decimal.Decimal, "number"),
    (dt.timedelta, "number"),
    ((str, bytes, bytearray, dt.date, dt.time, uuid.UUID, os.PathLike), "string"),
)
_UNIONS = (typing.Union, getattr(types, "UnionType", typing.Union))
_VALUES = {bool: "boolean", int: "integer", str: "string", type(None): "null"}


def of(function):
    """Return the schemas of the sample that `function` takes and of the answer that it gives; {} for the unknown."""
    try:
        hints = typing.get_type_hints(function)
        sample = next(iter(inspect.signature(function).parameters), None)
        return tuple(schema(hints[name]) if name in hints else {} for name in (sample, "return"))
    # A hint may be any object, and in quotes the name of what is not there.
    except Exception:
        return {}, {}


def schema(hint, within=()):
    """Return the JSON schema of a type hint, met in the fields of the classes `within`; {} for what JSON lacks."""
    hint = getattr(hint, "__supertype__", hint)
    if hint is None or hint is type(None):
        return {"type": "null"}
    origin, arguments = getattr(hint, "__origin__", None), _arguments(hint)
    if origin in _UNIONS or type(hint) in _UNIONS:
        return _any_of([schema(one, within) for one in arguments])
    if origin is not None and origin is getattr(typing, "Literal", ()):
        return _of_values(arguments)
    kind = origin if inspect.isclass(origin) else hint
    # A class that has itself among its fields has no end.
    return _of_class(kind, arguments, within) if inspect.isclass(kind) and kind not in within else {}


def _arguments(hint):
    """Return what is in a hint's brackets; Python 3.6 has None, 3.8 type variables, where there are no brackets."""
    return [one for one in getattr(hint, "__args__", None) or () if not isinstance(one, typing.TypeVar)]


def _of_class(kind, arguments, within):
    if issubclass(kind, enum.Enum):
        # Flags come together, as numbers that no member has.
        return {"type": "integer"} if issubclass(kind, enum.Flag) else _of_values([member.value for member in kind])
    scalar = next((name for known, name in _SCALARS if issubclass(kind, known)), None)
    if scalar is not None:
        return {"type": scalar}
    if hasattr(kind, "__dataclass_fields__") or (issubclass(kind, dict) and hasattr(kind, "__total__")):
        return _of_fields(kind, (*within, kind))
    if issubclass(kind, tuple):
        return _of_tuple(kind, arguments, within)
    return _of_container(kind, [schema(one, within) for one in arguments])


def _of_container(kind, inner):
    """Return the schema of a class of mappings or lists with these schemas in its brackets."""
    if issubclass(kind, collections.abc.Mapping):
        known = len(inner) > 1 and inner[1]
        return dict({"type": "object"}, **({"additionalProperties": known} if known else {}))
    if issubclass(kind, collections.abc.Collection) or kind is collections.abc.Iterable:
        return _array(inner[0] if inner else {})
    return {}


def _of_tuple(kind, arguments, within):
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return _array(schema(arguments[0], within))
    if hasattr(kind, "_fields"):
        known, within = typing.get_type_hints(kind), (*within, kind)
        arguments = [known.get(name, typing.Any) for name in kind._fields]
    # What Python writes for the empty tuple differs from one version to the next.
    if not arguments or arguments == [()]:
        return _array({})
    found = _array(_any_of([schema(one, within) for one in arguments]))
    return dict(found, minItems=len(arguments), maxItems=len(arguments))


def _array(items):
    return dict({"type": "array"}, **({"items": items} if items else {}))


def _of_fields(kind, within):
    """Return the schema of a dataclass or a TypedDict."""
    hints = typing.get_type_hints(kind)
    if hasattr(kind, "__dataclass_fields__"):
        fields = values.field_names(kind)
        required = [name for name in fields if not hasattr(kind, name)]
    else:
        fields, required = hints, getattr(kind, "__required_keys__", hints if kind.__total__ else ())
    known = {name: schema(hints.get(name, typing.Any), within) for name in fields}
    found = {"type": "object", "properties": known}
    return dict(found, required=sorted(required)) if required else found


def _of_values(allowed):
    if not allowed or not all(type(value) in _VALUES for value in allowed):
        return {}
    found = _typed({_VALUES[type(value)] for value in allowed})
    return dict(found, enum=list(allowed)) if len(allowed) <= MOST_VALUES else found


def _any_of(schemas):
    """Return one schema that each of `schemas` fits; of arrays and of objects what one alone says is kept."""
    if not schemas or not all(schemas):
        return {}
    if all(one == schemas[0] for one in schemas):
        return schemas[0]
    found = {}
    if all("enum" in one for one in schemas):
        found["enum"] = [value for one in schemas for value in one["enum"]]
    for kind in ("array", "object"):
        with_it = [one for one in schemas if kind in _kinds(one)]
        if len(with_it) == 1:
            found.update((key, value) for key, value in with_it[0].items() if key not in ("type", "enum"))
    return dict(found, **_typed({kind for one in schemas for kind in _kinds(one)}))


def _kinds(found):
    return [found["type"]] if isinstance(found["type"], str) else found["type"]


def _typed(kinds):
    kinds = sorted(kinds - {"integer"} if "number" in kinds else kinds)
    return {"type": kinds[0] if len(kinds) == 1 else kinds}
