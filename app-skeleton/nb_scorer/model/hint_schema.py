"""Derives JSON schemas from the type hints of samples and predictions, as far as JSON Schema can express them.

A hint guarantees what rows only suggest: `list[float]` although all rows have whole numbers, `Literal["a", "b"]`
although one row has "a". A hint without an equivalent in JSON has the schema {}.
"""

import collections.abc
import datetime as dt
import decimal
import enum
import inspect
import numbers
import os
import typing
import uuid

from nb_scorer.model import binary, call_arguments, json_codec, pydantic_models
from nb_scorer.model.hints import UNIONS, arguments_of, bare, resolved

# The prediction of a streaming function is the list of its items. Some other types, such as files, can also be
# iterated.
_STREAMS = (collections.abc.Generator, collections.abc.AsyncIterator)
_ITERABLES = (collections.abc.Iterable, collections.abc.Iterator)
# A longer list of values would not help readers of a page.
MAX_VALUES = 100
# As json_codec writes them; the first match counts, because bool is an Integral, and datetime a date.
_SCALARS = (
    (bool, "boolean"),
    (numbers.Integral, "integer"),
    (numbers.Real, "number"),
    (decimal.Decimal, "number"),
    (dt.timedelta, "number"),
    ((str, bytes, bytearray, dt.date, dt.time, uuid.UUID, os.PathLike), "string"),
)
_VALUES = {bool: "boolean", int: "integer", str: "string", type(None): "null"}


def derive_schemas(function):
    """Return the schemas of the sample that `function` takes and of its result; {} if unknown."""
    hints = resolved(function)
    try:
        takes = call_arguments.inspect_arguments(function)
        sample = _of_named(takes.named, hints) if takes.named else schema(hints.get(takes.sample, typing.Any))
        return sample, schema(hints.get("return", typing.Any))
    # A hint may be any object, and may raise any exception.
    except Exception:
        return {}, {}


def of_parameters(function):
    """Return {name: schema, with its default} for the parameters of `function`."""
    hints = resolved(function)
    return {
        parameter.name: dict(schema(hints.get(parameter.name, typing.Any)), default=json_codec.plain(parameter.default))
        for parameter in call_arguments.inspect_arguments(function).parameters
    }


def _of_named(named, hints):
    """Return the schema of the object whose keys are bound to the arguments `named`."""
    properties = {argument.name: schema(hints.get(argument.name, typing.Any)) for argument in named}
    required = sorted(argument.name for argument in named if argument.default is argument.empty)
    return dict({"type": "object", "properties": properties}, **({"required": required} if required else {}))


def schema(hint, within=()):
    """Return the JSON schema of a type hint within the fields of the classes `within`; {} if JSON has no equivalent."""
    hint = bare(hint)
    if hint is None or hint is type(None):
        return {"type": "null"}
    origin, arguments = getattr(hint, "__origin__", None), arguments_of(hint)
    if origin in UNIONS or type(hint) in UNIONS:
        return _any_of([schema(argument, within) for argument in arguments])
    if origin is not None and origin is getattr(typing, "Literal", ()):
        return _of_values(arguments)
    kind = origin if inspect.isclass(origin) else hint
    # A class may contain itself.
    return _of_class(kind, arguments, within) if inspect.isclass(kind) and kind not in within else {}


def _of_class(kind, arguments, within):
    if issubclass(kind, enum.Enum):
        # Combined flags are numbers that no member has.
        return {"type": "integer"} if issubclass(kind, enum.Flag) else _of_values([member.value for member in kind])
    scalar = next(({"type": name} for base, name in _SCALARS if issubclass(kind, base)), None)
    known = binary.schema(binary.kind_of(kind)) or scalar
    if known is not None:
        return known
    if pydantic_models.is_model(kind):
        return _of_model(kind, (*within, kind))
    if hasattr(kind, "__dataclass_fields__") or (issubclass(kind, dict) and hasattr(kind, "__total__")):
        return _of_fields(kind, (*within, kind))
    if issubclass(kind, tuple):
        return _of_tuple(kind, arguments, within)
    return _of_container(kind, [schema(argument, within) for argument in arguments])


def _of_container(kind, inner):
    """Return the schema of a mapping or list class whose type arguments have the schemas `inner`."""
    if issubclass(kind, collections.abc.Mapping):
        values = len(inner) > 1 and inner[1]
        return dict({"type": "object"}, **({"additionalProperties": values} if values else {}))
    if issubclass(kind, (collections.abc.Collection, *_STREAMS)) or kind in _ITERABLES:
        return _array(inner[0] if inner else {})
    return {}


def _of_tuple(kind, arguments, within):
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return _array(schema(arguments[0], within))
    if hasattr(kind, "_fields"):
        hints, within = typing.get_type_hints(kind), (*within, kind)
        arguments = [hints.get(name, typing.Any) for name in kind._fields]
    # Python versions differ in how they represent the empty tuple.
    if not arguments or arguments == [()]:
        return _array({})
    array = _array(_any_of([schema(argument, within) for argument in arguments]))
    return dict(array, minItems=len(arguments), maxItems=len(arguments))


def _array(items):
    return dict({"type": "array"}, **({"items": items} if items else {}))


def _of_fields(kind, within):
    """Return the schema of a dataclass or a TypedDict."""
    hints = resolved(kind)
    if hasattr(kind, "__dataclass_fields__"):
        fields = json_codec.field_names(kind)
        # From the signature rather than class attributes, because a field with a default_factory has none.
        parameters = inspect.signature(kind).parameters
        required = {
            name for name in fields if name in parameters and parameters[name].default is inspect.Parameter.empty
        }
    else:
        fields, required = hints, set(getattr(kind, "__required_keys__", hints if kind.__total__ else ()))
    properties = {name: schema(hints.get(name, typing.Any), within) for name in fields}
    result = {"type": "object", "properties": properties}
    return dict(result, required=sorted(required)) if required else result


def _of_model(kind, within):
    """Return the schema of a pydantic model, with its fields' names in JSON."""
    root = pydantic_models.root(kind)
    if root is not None:
        return schema(root, within)
    fields = pydantic_models.fields(kind)
    properties = {name: schema(hint, within) for name, (hint, _) in fields.items()}
    required = sorted(name for name, (_, is_required) in fields.items() if is_required)
    return dict({"type": "object", "properties": properties}, **({"required": required} if required else {}))


def _of_values(allowed):
    if not allowed or not all(type(value) in _VALUES for value in allowed):
        return {}
    result = _typed({_VALUES[type(value)] for value in allowed})
    return dict(result, enum=list(allowed)) if len(allowed) <= MAX_VALUES else result


def _any_of(schemas):
    """Return one schema that all `schemas` fit; constraints that only one of them has on arrays or objects are kept."""
    if not schemas or not all(schemas):
        return {}
    if all(alternative == schemas[0] for alternative in schemas):
        return schemas[0]
    merged = {}
    if all("enum" in alternative for alternative in schemas):
        merged["enum"] = [value for alternative in schemas for value in alternative["enum"]]
    for kind in ("array", "object"):
        of_kind = [alternative for alternative in schemas if kind in _kinds(alternative)]
        if len(of_kind) == 1:
            merged.update((key, value) for key, value in of_kind[0].items() if key not in ("type", "enum"))
    return dict(merged, **_typed({kind for alternative in schemas for kind in _kinds(alternative)}))


def _kinds(fragment):
    return [fragment["type"]] if isinstance(fragment["type"], str) else fragment["type"]


def _typed(kinds):
    kinds = sorted(kinds - {"integer"} if "number" in kinds else kinds)
    return {"type": kinds[0] if len(kinds) == 1 else kinds}
