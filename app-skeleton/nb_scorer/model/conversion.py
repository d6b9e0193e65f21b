"""Which reader a type hint has: one with a dataclass or something of pydantic's in it; all others convert nothing.

A reader is made once, when the model is saved, and goes into the pickle.
"""

import collections.abc
import decimal
import enum
import inspect
import typing

from nb_scorer.model import pydantic_models
from nb_scorer.model.hint_schema import UNIONS, arguments_of, bare, resolved
from nb_scorer.model.readers import AnyOf, Fields, FromText, Items, Number, OfPydantic, OneOf, Sample, Scalar, Values

# Python's own containers; what is made for one by another name only its author knows.
_HOMES = ("builtins", "collections.abc", "typing")
# What is made for a class of several values; the first that fits.
_COLLECTIONS = ((frozenset, frozenset), (collections.abc.Set, set), (collections.abc.Iterable, list))


def reader(hint):
    """Return what reads samples as `hint` promises; None where it holds no dataclass and nothing of pydantic's."""
    known = list(_kinds(hint, set()))
    pydantics = [kind for kind in known if pydantic_models.is_known(kind)]
    if pydantics:
        return Sample(OfPydantic(hint, pydantics[0]))
    made = _Made()
    return Sample(_made(hint, made), made.tried) if any(_is_dataclass(kind) for kind in known) else None


class _Made(dict):
    """The readers of a hint's dataclasses so far, by class; `tried` is for all its unions."""

    def __init__(self):
        super().__init__()
        self.tried = {}


def _kinds(hint, seen):
    """Yield the classes in a hint, and in the fields of the dataclasses in it, and those of what Annotated says."""
    for kind in map(type, getattr(hint, "__metadata__", ())):
        yield kind
    hint = bare(hint)
    inner = list(hint) if isinstance(hint, (list, tuple)) else arguments_of(hint)
    if inner and inspect.isclass(getattr(hint, "__origin__", None)):
        inner.append(hint.__origin__)
    if inspect.isclass(hint) and not inner and hint not in seen:
        seen.add(hint)
        yield hint
        inner = [field for _, field, _ in _parameters(hint)] if _is_dataclass(hint) else ()
    for one in inner:
        for kind in _kinds(one, seen):
            yield kind


def _is_dataclass(kind):
    return inspect.isclass(kind) and hasattr(kind, "__dataclass_fields__")


def _parameters(kind):
    """Return [(name, hint, whether it must be given)] of what makes an instance of a dataclass."""
    hints = resolved(kind)
    known = list(inspect.signature(kind).parameters.values())
    # Of an InitVar there is nothing to read but the name.
    return [(one.name, hints.get(one.name, typing.Any), one.default is inspect.Parameter.empty) for one in known]


def _made(hint, made):
    """Return the reader of a hint within a dataclass, or None for what is taken as it is."""
    hint = bare(hint)
    origin, arguments = getattr(hint, "__origin__", None), arguments_of(hint)
    if origin in UNIONS or type(hint) in UNIONS:
        inner = [_made(one, made) for one in arguments]
        return AnyOf(inner, made.tried) if all(inner) else None
    if origin is not None and origin is getattr(typing, "Literal", ()):
        return OneOf(arguments)
    kind = type(None) if hint is None else origin if inspect.isclass(origin) else hint
    return _of_class(kind, arguments, made) if inspect.isclass(kind) else None


def _of_class(kind, arguments, made):
    if _is_dataclass(kind):
        return made.get(kind) or _of_dataclass(kind, made)
    if issubclass(kind, enum.Enum):
        return OneOf([member.value for member in kind], kind)
    if kind in (type(None), bool, int, float, str):
        return Scalar(kind)
    if issubclass(kind, decimal.Decimal):
        return Number(kind)
    if FromText.knows(kind):
        return FromText(kind)
    return _of_container(kind, [_made(one, made) for one in arguments if one not in (Ellipsis, ())], arguments)


def _of_dataclass(kind, made):
    # Before its fields' readers: a class may have itself among its fields.
    made[kind] = Fields(kind)
    made[kind].fields = {name: (_made(hint, made), needed) for name, hint, needed in _parameters(kind)}
    return made[kind]


def _of_container(kind, inner, arguments):
    if kind.__module__ not in _HOMES:
        return None
    if issubclass(kind, collections.abc.Mapping):
        return Values(inner[1] if len(inner) > 1 else None)
    if issubclass(kind, tuple):
        return Items(tuple, inner, not arguments or Ellipsis in arguments)
    made = next((made for known, made in _COLLECTIONS if issubclass(kind, known)), None)
    return Items(made, inner) if made else None
