"""Type hints as Python keeps them: looked up, and taken apart, in every Python from 3.6 on."""

import functools
import inspect
import types
import typing

# Leaves Annotated in place, where Python has it.
_EXTRAS: dict = {"include_extras": True} if hasattr(typing, "Annotated") else {}
UNIONS = (typing.Union, getattr(types, "UnionType", typing.Union))


def resolved(annotated):
    """Return the type hints of a function or a class with names in quotes looked up; {} where a name is undefined."""
    try:
        # What Annotated adds is for pydantic; CPython 3.8 and earlier have no Annotated.
        return typing.get_type_hints(_with_hints(annotated), **_EXTRAS)
    # A hint may be any object, and one in quotes may name what does not exist.
    except Exception:
        return {}


def _with_hints(annotated):
    """Return what has the hints of `annotated`: the function that a partial calls, the `__call__` of an object."""
    while isinstance(annotated, functools.partial):
        annotated = annotated.func
    if inspect.isclass(annotated) or inspect.isroutine(annotated) or hasattr(annotated, "__wrapped__"):
        return annotated
    return type(annotated).__call__


def bare(hint):
    """Return a hint without its new name (NewType) and without what Annotated adds to it."""
    while hasattr(hint, "__supertype__") or getattr(hint, "__metadata__", None):
        hint = hint.__supertype__ if hasattr(hint, "__supertype__") else hint.__origin__
    return hint


def arguments_of(hint):
    """Return the arguments in a hint's brackets, [] without brackets.

    Without brackets, `__args__` is None in Python 3.6, holds type variables in 3.8, and is a descriptor of the class
    typing.Union since 3.14.
    """
    arguments = getattr(hint, "__args__", None)
    return [each for each in arguments if not isinstance(each, typing.TypeVar)] if isinstance(arguments, tuple) else []
