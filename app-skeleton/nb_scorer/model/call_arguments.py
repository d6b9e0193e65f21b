"""The arguments of a notebook's function: the sample or its values by name, parameters, and headers.

An argument with a default is a parameter, which a request may set; the others form the sample.
"""

import collections.abc
import enum
import functools
import inspect

from nb_scorer.model.hints import bare, resolved

# The argument that receives a request's headers, if its type hint is a mapping.
HEADERS = "headers"
# Types of defaults that a client could send. A default of another class is an object that the notebook binds, such as
# its model, unless a type hint shows that requests should set the argument.
_PLAIN = (type(None), bool, int, float, str)
MAX_DEFAULT_ITEMS = 100


class Arguments(object):
    """The arguments of a function, as inspect.Parameter objects.

    `sample` is the name of the argument that receives the sample, None if unknown; `by_keyword` is whether it can only
    be passed by name. `named` are the arguments to which an object's values are bound, if several are required; it is
    empty for a function of one sample. `parameters` are those that a request may set, `takes_headers` is whether there
    is one for headers. `fits` is False if a sample can't be passed.
    """

    def __init__(self, sample=None, by_keyword=False, named=(), parameters=(), takes_headers=False, fits=True):
        self.sample = sample
        self.by_keyword = by_keyword
        self.named = list(named)
        self.parameters = list(parameters)
        self.takes_headers = takes_headers
        self.fits = fits


def inspect_arguments(function, gets_values=False):
    """Return the Arguments of `function`; if Python can't determine them, those of a function of one sample.

    With `gets_values`, samples are objects: a function that takes only keywords receives their values.
    """
    try:
        signature = inspect.signature(function)
    # Written in C, or of a type whose signature Python can't determine.
    except Exception:
        return Arguments()
    hints = resolved(function)
    found = list(signature.parameters.values())
    headers = [each for each in found if _is_for_headers(each, hints.get(each.name))]
    others = [each for each in found if each not in headers]
    required = [each for each in others if each.default is each.empty and not _is_variable(each)]
    if len(required) > 1 or (gets_values and required and not any(map(_has_place, others))):
        return _by_name(others, required, function, hints, bool(headers))
    places = required or [each for each in others if each.kind is not each.VAR_KEYWORD]
    positional = [each for each in places if each.kind is not each.KEYWORD_ONLY]
    sample = (positional or places or [None])[0]
    if sample is None:
        return Arguments(fits=False, takes_headers=bool(headers))
    if not positional and not required:
        # If all arguments are keywords with defaults, none of them is clearly the sample.
        return _by_name(others, required, function, hints, bool(headers))
    return Arguments(
        sample.name,
        sample.kind is sample.KEYWORD_ONLY or _follows_headers(sample, headers, found),
        parameters=_parameters(function, [each for each in others if each is not sample], hints),
        takes_headers=bool(headers),
    )


def _by_name(others, required, function, hints, takes_headers):
    """Return the Arguments of a function that receives an object's values by name."""
    named = [each for each in others if _can_be_named(each)]
    return Arguments(
        named=named,
        parameters=_parameters(function, named, hints),
        takes_headers=takes_headers,
        fits=bool(named) and all(map(_can_be_named, required)),
    )


def _has_place(argument):
    return argument.kind in (argument.POSITIONAL_ONLY, argument.POSITIONAL_OR_KEYWORD, argument.VAR_POSITIONAL)


def _is_variable(argument):
    return argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD)


def _can_be_named(argument):
    return argument.kind in (argument.POSITIONAL_OR_KEYWORD, argument.KEYWORD_ONLY)


def _follows_headers(sample, headers, found):
    """Return whether the sample's position is after that of headers, so that it has to be passed by name."""
    return _can_be_named(sample) and any(found.index(each) < found.index(sample) for each in headers)


def _is_for_headers(argument, hint):
    """Return whether an argument is named headers and has a mapping as its type hint."""
    if argument.name != HEADERS or not _can_be_named(argument):
        return False
    hint = bare(hint)
    origin = getattr(hint, "__origin__", None)
    kind = origin if inspect.isclass(origin) else hint
    return inspect.isclass(kind) and issubclass(kind, collections.abc.Mapping)


def _parameters(function, candidates, hints):
    """Return the `candidates` that a request may set."""
    bound = _bound_by_partial(function)
    return [
        each
        for each in candidates
        if each.default is not each.empty
        and _can_be_named(each)
        and each.name not in bound
        and not each.name.startswith("_")
        and _can_be_sent(each.default, hints.get(each.name))
    ]


def _bound_by_partial(function):
    """Return the names bound by functools.partial, which look like arguments with defaults."""
    names: set = set()
    while isinstance(function, functools.partial):
        names.update(function.keywords)
        function = function.func
    return names


def _can_be_sent(default, hint):
    """Return whether a client could send a default's value, too."""
    if isinstance(default, (list, tuple)):
        return len(default) <= MAX_DEFAULT_ITEMS and all(_can_be_sent(item, None) for item in default)
    if isinstance(default, dict):
        return len(default) <= MAX_DEFAULT_ITEMS and all(_can_be_sent(item, None) for item in default.values())
    return isinstance(default, (*_PLAIN, enum.Enum)) or (hint is not None and _is_made_of_text(default))


def _is_made_of_text(default):
    # Imported here, because readers are needed only for models that have some.
    from nb_scorer.model.readers import FromText, Number

    return FromText.knows(type(default)) or Number.knows(type(default))
