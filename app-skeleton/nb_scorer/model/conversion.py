"""Creates readers for type hints with a file, a dataclass or a pydantic type; others need no conversion.

A reader is created and pickled when the model is saved.
"""

import collections.abc
import enum
import inspect
import typing

from nb_scorer.model import binary, pydantic_models
from nb_scorer.model.hints import UNIONS, arguments_of, bare, resolved
from nb_scorer.model.readers import AnyOf, Fields, FromText, Items, Number, OfPydantic, OneOf, Sample, Scalar, Values

# Python's own containers; only the author of another library's container knows how to create it.
_HOMES = ("builtins", "collections.abc", "typing")
# (base class of a hint, class to create); the first match counts.
_COLLECTIONS = ((frozenset, frozenset), (collections.abc.Set, set), (collections.abc.Iterable, list))


def reader(hint):
    """Return the reader for samples that `hint` describes; None if it contains no file, dataclass or pydantic type."""
    classes = list(_kinds(hint, set()))
    of_pydantic = [kind for kind in classes if pydantic_models.is_known(kind)]
    if of_pydantic:
        return Sample(OfPydantic(hint, of_pydantic[0]))
    readers = _Readers()
    converts = any(_is_dataclass(kind) or binary.kind_of(kind) for kind in classes)
    return Sample(_reader_of(hint, readers), readers.tried) if converts else None


def reader_of_files(kind, is_many):
    """Return the reader for a sample that is a file of this kind, or a list of such files."""
    return Sample(Items(list, [binary.File(kind)]) if is_many else binary.File(kind))


def files_in(read):
    """Return (kind, whether it is a list) of a file that this reader reads, or None for other readers."""
    inner = read.inner if isinstance(read, Sample) else read
    if isinstance(inner, AnyOf):
        found = [files_in(alternative) for alternative in inner.inner]
        return next((each for each in found if each is not None), None)
    if isinstance(inner, Items) and len(inner.inner) == 1 and isinstance(inner.inner[0], binary.File):
        return inner.inner[0].kind, True
    return (inner.kind, False) if isinstance(inner, binary.File) else None


def parameter_reader(hint):
    """Return the reader for a parameter that `hint` describes; None if the hint can't be checked."""
    read = reader(hint)
    if read is not None:
        return read
    readers = _Readers()
    inner = _reader_of(hint, readers)
    return None if inner is None else Sample(inner, readers.tried)


class _Readers(dict):
    """The readers of a hint's dataclasses so far, by class; all its unions share `tried`."""

    def __init__(self):
        super().__init__()
        self.tried = {}


def _kinds(hint, seen):
    """Yield the classes in a hint, in the fields of its dataclasses, and in Annotated's metadata."""
    for kind in map(type, getattr(hint, "__metadata__", ())):
        yield kind
    hint = bare(hint)
    parts = list(hint) if isinstance(hint, (list, tuple)) else arguments_of(hint)
    if parts and inspect.isclass(getattr(hint, "__origin__", None)):
        parts.append(hint.__origin__)
    if inspect.isclass(hint) and not parts and hint not in seen:
        seen.add(hint)
        yield hint
        parts = [field for _, field, _ in _parameters(hint)] if _is_dataclass(hint) else ()
    for part in parts:
        for kind in _kinds(part, seen):
            yield kind


def _is_dataclass(kind):
    return inspect.isclass(kind) and hasattr(kind, "__dataclass_fields__")


def _parameters(kind):
    """Return [(name, hint, whether it is required)] for the parameters of a dataclass's constructor."""
    hints = resolved(kind)
    parameters = list(inspect.signature(kind).parameters.values())
    # Only the name of an InitVar is known.
    return [
        (parameter.name, hints.get(parameter.name, typing.Any), parameter.default is inspect.Parameter.empty)
        for parameter in parameters
    ]


def _reader_of(hint, readers):
    """Return the reader of a hint within a dataclass, or None if its values need no conversion."""
    hint = bare(hint)
    origin, arguments = getattr(hint, "__origin__", None), arguments_of(hint)
    if origin in UNIONS or type(hint) in UNIONS:
        inner = [_reader_of(argument, readers) for argument in arguments]
        return AnyOf(inner, readers.tried) if all(inner) else None
    if origin is not None and origin is getattr(typing, "Literal", ()):
        return OneOf(arguments)
    kind = type(None) if hint is None else origin if inspect.isclass(origin) else hint
    return _of_class(kind, arguments, readers) if inspect.isclass(kind) else None


def _of_class(kind, arguments, readers):
    if _is_dataclass(kind):
        return readers.get(kind) or _of_dataclass(kind, readers)
    if issubclass(kind, enum.Enum):
        return OneOf([member.value for member in kind], kind)
    if kind in (type(None), bool, int, float, str):
        return Scalar(kind)
    if Number.knows(kind):
        return Number(kind)
    file_kind = binary.kind_of(kind)
    if file_kind is not None or FromText.knows(kind):
        return FromText(kind) if file_kind is None else binary.File(file_kind)
    return _of_container(
        kind, [_reader_of(argument, readers) for argument in arguments if argument not in (Ellipsis, ())], arguments
    )


def _of_dataclass(kind, readers):
    # Stored before its fields' readers exist, because a class may contain itself.
    readers[kind] = Fields(kind)
    readers[kind].fields = {name: (_reader_of(hint, readers), needed) for name, hint, needed in _parameters(kind)}
    return readers[kind]


def _of_container(kind, inner, arguments):
    if kind.__module__ not in _HOMES:
        return None
    if issubclass(kind, collections.abc.Mapping):
        return Values(inner[1] if len(inner) > 1 else None)
    if issubclass(kind, tuple):
        return Items(tuple, inner, not arguments or Ellipsis in arguments)
    collection = next((collection for base, collection in _COLLECTIONS if issubclass(kind, base)), None)
    return Items(collection, inner) if collection else None
