"""Named predictors of a notebook: `predictors = {"price": price, "risk": risk}`, plain functions by name."""

import functools
import inspect
import re

from nb_scorer.kernel.save_errors import Complaint
from nb_scorer.model import call_arguments, functions

DEFAULT = "predictor"
# Stricter than nb_service.manifest.NAME, because names are parts of paths and labels.
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9])?")
# /predict/batch and /v2/models/stats are routes, and `examples` uses DEFAULT for predictor's rows.
RESERVED = ("batch", "stats", DEFAULT)
# The other functions of each predictor: the notebook's name for the dict, and the function's name.
_OTHERS = (("validators", "validator"), ("batch_predictors", "batch_predictor"))


def find_predictors(namespace):
    """Return {name: {"predictor", "validator", "batch_predictor"}}, in order; raise Complaint for invalid entries.

    Many notebooks use this name for something else, such as a list of columns or a dict of models, so only a dict of
    functions counts.
    """
    named = namespace.get("predictors")
    if not is_meant(named):
        return {}
    found: dict = {}
    for name, function in named.items():
        _check_name(name)
        _check_function("predictors[{!r}]".format(name), function)
        found[name] = {"predictor": function, "validator": None, "batch_predictor": None}
    for variable, kind in _OTHERS:
        values = namespace.get(variable)
        if values is None:
            continue
        if not isinstance(values, dict) or not set(values) <= set(found):
            raise _invalid("{} is not a dict whose keys are names in predictors".format(variable))
        for name, function in values.items():
            _check_function("{}[{!r}]".format(variable, name), function, is_batch=kind == "batch_predictor")
            found[name][kind] = function
    if namespace.get(DEFAULT) is None:
        for variable, kind in _OTHERS:
            if namespace.get(kind) is not None:
                text = "{kind} belongs to predictor, which the notebook does not define; use {variable} = {{...}}"
                raise _invalid(text.format(kind=kind, variable=variable))
    return found


def is_meant(value):
    """Return whether a notebook's `predictors` is a dict of functions by name."""
    if not isinstance(value, dict) or not value:
        return False
    return all(isinstance(name, str) and _is_function(function) for name, function in value.items())


def examples_of(examples, names, has_default=True):
    """Return {name of a predictor, "" for the default: its examples}; raise Complaint if they can't be assigned.

    In the notebook, the default predictor's name is "predictor".
    """
    if not names:
        return {"": examples}
    if isinstance(examples, dict):
        unknown = [str(name) for name in examples if name not in (DEFAULT, *names)]
        if unknown:
            raise _invalid("examples has rows for {}, which is not in predictors".format(", ".join(unknown)))
        return {"" if name == DEFAULT else name: rows for name, rows in examples.items()}
    if examples is not None and not has_default:
        raise _invalid("examples is not a dict of lists by the names in predictors")
    return {"": examples}


def _is_function(value):
    is_cached = hasattr(value, "cache_info")
    return inspect.isroutine(value) or isinstance(value, functools.partial) or is_cached


def _check_name(name):
    if not NAME.fullmatch(name):
        raise _invalid("the name {!r} can't be part of a URL's path".format(name))
    if name in RESERVED:
        raise _invalid("the name {!r} is reserved".format(name))


def _check_function(label, function, is_batch=False):
    if not _is_function(function):
        raise _invalid("{} is not a function".format(label))
    takes = call_arguments.inspect_arguments(function)
    if not takes.fits or (is_batch and (takes.named or takes.by_keyword)):
        signature = functions.signature(function, getattr(function, "__name__", "the function"))
        raise _invalid("{} can't be called with one sample: {}".format(label, signature))


def _invalid(reason):
    return Complaint("predictors-invalid", reason=reason)
