"""What type hints say of samples and answers: the JSON schema of a hint, as far as JSON has words for it.

A hint promises what rows can only show: `list[float]` where all rows have whole numbers, `Literal["a", "b"]`
where one row has "a". What is no hint of JSON's kinds says nothing, and its schema is {}.
"""

import collections.abc
import datetime as dt
import decimal
import enum
import functools
import inspect
import numbers
import os
import types
import typing
import uuid

from nb_scorer.model import functions, json_codec, pydantic_models

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
# With Annotated as it is, where Python has it.
_EXTRAS: dict = {"include_extras": True} if hasattr(typing, "Annotated") else {}
UNIONS = (typing.Union, getattr(types, "UnionType", typing.Union))
_VALUES = {bool: "boolean", int: "integer", str: "string", type(None): "null"}


def of(function):
    """Return the schemas of the sample that `function` takes and of the answer that it gives; {} for the unknown."""
    hints = resolved(function)
    try:
        named = functions.named_parameters(function)
        if named:
            return _of_parameters(named, hints), schema(hints.get("return", typing.Any))
        first = next(iter(inspect.signature(function).parameters), None)
        return schema(hints.get(first, typing.Any)), schema(hints.get("return", typing.Any))
    # A hint may be any object, with any fault in it, and some functions have no signature.
    except Exception:
        return {}, {}


def _of_parameters(named, hints):
    """Return the schema of the object whose keys are bound to the parameters `named`."""
    known = {one.name: schema(hints.get(one.name, typing.Any)) for one in named}
    required = sorted(one.name for one in named if one.default is one.empty)
    return dict({"type": "object", "properties": known}, **({"required": required} if required else {}))


def resolved(thing):
    """Return the type hints of a function or a class with names in quotes looked up; {} where one is of nothing."""
    try:
        # What Annotated says is for pydantic; CPython 3.8 and earlier have none.
        return typing.get_type_hints(_with_hints(thing), **_EXTRAS)
    # A hint may be any object, and in quotes the name of what is not there.
    except Exception:
        return {}


def _with_hints(thing):
    """Return what has the hints of `thing`: the function that a partial calls, the `__call__` of an object."""
    while isinstance(thing, functools.partial):
        thing = thing.func
    if inspect.isclass(thing) or inspect.isroutine(thing) or hasattr(thing, "__wrapped__"):
        return thing
    return type(thing).__call__


def schema(hint, within=()):
    """Return the JSON schema of a type hint, met in the fields of the classes `within`; {} for what JSON lacks."""
    hint = bare(hint)
    if hint is None or hint is type(None):
        return {"type": "null"}
    origin, arguments = getattr(hint, "__origin__", None), arguments_of(hint)
    if origin in UNIONS or type(hint) in UNIONS:
        return _any_of([schema(one, within) for one in arguments])
    if origin is not None and origin is getattr(typing, "Literal", ()):
        return _of_values(arguments)
    kind = origin if inspect.isclass(origin) else hint
    # A class that has itself among its fields has no end.
    return _of_class(kind, arguments, within) if inspect.isclass(kind) and kind not in within else {}


def bare(hint):
    """Return a hint without its new name (NewType) and without what Annotated says beside it."""
    while hasattr(hint, "__supertype__") or getattr(hint, "__metadata__", None):
        hint = hint.__supertype__ if hasattr(hint, "__supertype__") else hint.__origin__
    return hint


def arguments_of(hint):
    """Return what is in a hint's brackets; Python 3.6 has None, 3.8 type variables, where there are no brackets."""
    return [one for one in getattr(hint, "__args__", None) or () if not isinstance(one, typing.TypeVar)]


def _of_class(kind, arguments, within):
    if issubclass(kind, enum.Enum):
        # Flags come together, as numbers that no member has.
        return {"type": "integer"} if issubclass(kind, enum.Flag) else _of_values([member.value for member in kind])
    scalar = next((name for known, name in _SCALARS if issubclass(kind, known)), None)
    if scalar is not None:
        return {"type": scalar}
    if pydantic_models.is_model(kind):
        return _of_model(kind, (*within, kind))
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
    hints = resolved(kind)
    if hasattr(kind, "__dataclass_fields__"):
        fields = json_codec.field_names(kind)
        # Not by the class's attributes: of what a factory makes there is none.
        given = inspect.signature(kind).parameters
        required = {name for name in fields if name in given and given[name].default is inspect.Parameter.empty}
    else:
        fields = hints
        required = set(getattr(kind, "__required_keys__", hints if kind.__total__ else ()))
    known = {name: schema(hints.get(name, typing.Any), within) for name in fields}
    found = {"type": "object", "properties": known}
    return dict(found, required=sorted(required)) if required else found


def _of_model(kind, within):
    """Return the schema of a pydantic model, under the names that its fields have in JSON."""
    root = pydantic_models.root(kind)
    if root is not None:
        return schema(root, within)
    fields = pydantic_models.fields(kind)
    known = {name: schema(hint, within) for name, (hint, _) in fields.items()}
    required = sorted(name for name, (_, needed) in fields.items() if needed)
    return dict({"type": "object", "properties": known}, **({"required": required} if required else {}))


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
