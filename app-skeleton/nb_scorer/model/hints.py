"""Resolves and inspects type hints in every Python since 3.6."""

import functools
import inspect
import types
import typing

# Keeps Annotated if this Python has it.
_EXTRAS: dict = {"include_extras": True} if hasattr(typing, "Annotated") else {}
UNIONS = (typing.Union, getattr(types, "UnionType", typing.Union))


def resolved(annotated):
    """Return the type hints of a function or a class with quoted names resolved; {} if a name is undefined."""
    try:
        # Annotated's metadata is for pydantic; CPython 3.8 and earlier have no Annotated.
        return typing.get_type_hints(_with_hints(annotated), **_EXTRAS)
    # A hint may be any object, and a quoted one may name something that does not exist.
    except Exception:
        return {}


def _with_hints(annotated):
    """Return the object that has the hints: the function of a partial, or the `__call__` of an object."""
    while isinstance(annotated, functools.partial):
        annotated = annotated.func
    if inspect.isclass(annotated) or inspect.isroutine(annotated) or hasattr(annotated, "__wrapped__"):
        return annotated
    return type(annotated).__call__


def bare(hint):
    """Return a hint without NewType, and without the metadata of Annotated."""
    while hasattr(hint, "__supertype__") or getattr(hint, "__metadata__", None):
        hint = hint.__supertype__ if hasattr(hint, "__supertype__") else hint.__origin__
    return hint


def arguments_of(hint):
    """Return a hint's type arguments, [] without brackets.

    Without brackets, `__args__` is None in Python 3.6, holds type variables in 3.8, and is a descriptor of the class
    typing.Union since 3.14.
    """
    arguments = getattr(hint, "__args__", None)
    return [each for each in arguments if not isinstance(each, typing.TypeVar)] if isinstance(arguments, tuple) else []
