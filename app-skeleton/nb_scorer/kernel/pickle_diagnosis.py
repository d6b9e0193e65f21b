"""Finds the object that can't be pickled, and the path to it from a function."""

import functools
import time
import types

import cloudpickle

MAX_DEPTH = 8
MAX_MEMBERS = 200
SECONDS = 20


def find(obj, name):
    """Return (description, name of the last global on the path or None).

    A description is such as "predictor uses the global 'lock', a _thread.lock". `obj` could not be pickled. Its members
    are tried one by one, then those of the one that fails, until none fails or the search has taken SECONDS.
    """
    steps: list = []
    last_global = None
    seen = {id(obj)}
    deadline = time.time() + SECONDS
    while len(steps) < MAX_DEPTH:
        failing = _failing_member(obj, seen, deadline)
        if failing is None:
            break
        step, obj, name_of_global = failing
        steps.append(step)
        last_global = name_of_global or last_global
        seen.add(id(obj))
    if not steps:
        return "{} is {}".format(name, kind_of(obj)), None
    return "{} {}, {}".format(name, ", which ".join(steps), kind_of(obj)), last_global


def find_if_stuck(obj, name):
    """Return the result of `find`, or None if `obj` can be pickled."""
    return None if _pickles(obj) else find(obj, name)


def kind_of(obj):
    """Return an object's type with an article, such as "a _thread.lock"."""
    kind = obj if isinstance(obj, type) else type(obj)
    module = kind.__module__
    full = kind.__qualname__ if module in ("builtins", "__main__") else "{}.{}".format(module, kind.__qualname__)
    if isinstance(obj, type):
        return "the class " + full
    return ("an " if full.lstrip("_")[:1].lower() in "aeiou" else "a ") + full


def _failing_member(obj, seen, deadline):
    """Return (description, member, name of the global or None) of the first member that can't be pickled, or None."""
    for name, member in _globals_of(obj):
        if time.time() > deadline:
            return None
        if id(member) not in seen and not _pickles(member):
            return "uses the global {!r}".format(name), member, name
    for step, member in _members(obj):
        if time.time() > deadline:
            return None
        if id(member) not in seen and not _pickles(member):
            return step, member, None
    return None


def _globals_of(obj):
    """Yield (name, value) of the globals that a function uses; nothing for other objects."""
    if isinstance(obj, types.FunctionType):
        namespace = obj.__globals__
        for name in _names(obj.__code__):
            if name in namespace:
                yield name, namespace[name]


def _pickles(obj):
    try:
        cloudpickle.dump(obj, _Nowhere())
    # An object's own __reduce__ may raise anything.
    except Exception:
        return False
    return True


class _Nowhere(object):
    """A file that discards everything, because a model may be larger than the free memory."""

    def write(self, data):
        """Discard `data`."""
        return len(data)


def _members(obj):
    """Return (description, member) pairs of the objects pickled with `obj`, without the globals of a function."""
    if isinstance(obj, types.FunctionType):
        return _of_function(obj)
    if isinstance(obj, types.MethodType):
        return [("is a method of an object", obj.__self__), ("is a method", obj.__func__)]
    if isinstance(obj, functools.partial):
        bound = list(obj.args) + list(obj.keywords.values())
        return [("calls a function", obj.func)] + [("has an argument bound", value) for value in bound]
    if isinstance(obj, dict):
        return [("has the item {!r}".format(key), value) for key, value in _first(obj.items())]
    if isinstance(obj, (list, tuple, set, frozenset)):
        return [("has the item {}".format(number), value) for number, value in enumerate(_first(obj))]
    return _of_object(obj)


def _first(items):
    return [item for _, item in zip(range(MAX_MEMBERS), items)]


def _of_function(function):
    members: list = []
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            members.append(("uses the variable {!r} of the function around it".format(name), cell.cell_contents))
        except ValueError:
            # Never assigned, so there is nothing to pickle.
            continue
    defaults = list(function.__defaults__ or ()) + list((function.__kwdefaults__ or {}).values())
    members += [("has a default value", value) for value in defaults]
    members += [("has the type hint of {!r}".format(name), hint) for name, hint in function.__annotations__.items()]
    members += [("has the attribute {!r}".format(name), value) for name, value in vars(function).items()]
    return members


def _names(code):
    """Return the global names that `code`, and the functions inside it, may look up, in order."""
    names = list(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names += [name for name in _names(constant) if name not in names]
    return names


def _of_object(obj):
    attributes = getattr(obj, "__dict__", {})
    members = [("has the attribute {!r}".format(name), value) for name, value in _first(dict(attributes).items())]
    for kind in type(obj).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        names = [name for name in ((slots,) if isinstance(slots, str) else slots) if hasattr(obj, name)]
        members += [("has the attribute {!r}".format(name), getattr(obj, name)) for name in names]
    if not isinstance(obj, type) and type(obj).__module__ == "__main__":
        members.append(("is of a class of the notebook", type(obj)))
    return members
