"""Determines from signatures how to call the notebook's functions with one sample.

This is decided once, when the model is saved. A function that takes only a sample as decoded from JSON stays unchanged.
"""

import inspect

from nb_scorer.model import call_arguments, conversion, hint_schema
from nb_scorer.model.calls import Call, CallByName, CallTogether
from nb_scorer.model.hints import arguments_of, bare, resolved
from nb_scorer.model.readers import Fields

_NO_FILES: dict = {}


def adapt_functions(called, files=_NO_FILES):
    """Return {name: callable} for the functions in the dict `called`; None for missing ones.

    `files` are {argument: (kind, whether it is a list of them)} of those that are files in the notebook's own samples;
    they are used if there are no type hints. A single argument is named "".
    """
    predictor = _for_one_sample(called.get("predictor"), files)
    others = _files_of_others(predictor), isinstance(predictor, CallByName)
    callables = {
        "predictor": predictor,
        "validator": _for_one_sample(called.get("validator"), *others),
        "batch_predictor": _for_batches(called.get("batch_predictor"), predictor),
    }
    if called.get("explainer") is not None:
        callables["explainer"] = _for_one_sample(called["explainer"], *others)
    return callables


def files_of(predictor):
    """Return {argument: (kind, is_list)} for the arguments of a callable predictor that are files.

    The argument of a predictor with one argument is named "".
    """
    if not isinstance(predictor, Call):
        return {}
    fields = predictor.read.fields if isinstance(predictor, CallByName) else {"": (predictor.read, True)}
    found = {name: conversion.files_in(read) for name, (read, _) in fields.items()}
    return {name: each for name, each in found.items() if each is not None}


def described_files(predictor):
    """Return the manifest's description of the arguments that are files, None if there are none.

    That is {"by_name": whether a sample is an object of arguments, "arguments": [{"name", "kind", "many"}], "order":
    the names of all arguments, "texts": {name: whether it is a list} of those with strings}; here, a single argument
    has its own name.
    """
    found = files_of(predictor)
    if not found:
        return None
    names = {"": call_arguments.inspect_arguments(predictor.function).sample or "file"}
    arguments = [
        {"name": names.get(name, name), "kind": kind, "many": is_many} for name, (kind, is_many) in found.items()
    ]
    by_name = "" not in found
    order = list(predictor.read.fields) if by_name else [arguments[0]["name"]]
    hints = resolved(predictor.function)
    texts = {name: _holds_texts(hints[name]) for name in order if name in hints and name not in found}
    texts = {name: is_list for name, is_list in texts.items() if is_list is not None}
    return {"by_name": by_name, "arguments": arguments, "order": order, "texts": texts if by_name else {}}


def _holds_texts(hint):
    """Return False for the hint of a string, True for that of a list of strings, otherwise None."""
    described = hint_schema.schema(hint)
    if described.get("type") == "array":
        items = described.get("items")
        return True if isinstance(items, dict) and items.get("type") == "string" else None
    return False if described.get("type") == "string" else None


def _files_of_others(predictor):
    """Return the files for a validator or explainer without hints: predictor's by name, "" for a whole sample.

    A whole sample has its own reader if it is an object with files.
    """
    files = files_of(predictor)
    if isinstance(predictor, CallByName) and files:
        fields = {name: (conversion.reader_of_files(*each), False) for name, each in files.items()}
        return dict(files, **{"": Fields(dict, fields, is_open=True)})
    return files


def _for_one_sample(function, files, gets_values=False):
    if function is None:
        return None
    takes, hints = call_arguments.inspect_arguments(function, gets_values), resolved(function)
    parameters = _readers(takes, hints)
    if takes.named:
        fields = {}
        for each in takes.named:
            read = _reader(each.name, each.name, hints, files)
            if read is None and each.name in parameters:
                read = parameters[each.name][0]
            fields[each.name] = read, each.default is each.empty
        return CallByName(
            function, Fields(dict, fields, _takes_any_name(function)), None, parameters, takes.takes_headers
        )
    read = _reader("", takes.sample, hints, files)
    keyword = takes.sample if takes.by_keyword else None
    if read is None and keyword is None and not parameters and not takes.takes_headers:
        return function
    return Call(function, read, keyword, parameters, takes.takes_headers)


def _reader(name, argument, hints, files):
    """Return the reader of an argument from its hint; without a hint, from `files` if it contains `name`."""
    if argument in hints or name not in files:
        return conversion.reader(hints.get(argument))
    known = files[name]
    return known if isinstance(known, Fields) else conversion.reader_of_files(*known)


def _for_batches(function, predictor):
    """Return the callable batch_predictor: with its own hint for a sample, or predictor's if it has none."""
    if function is None:
        return None
    takes, hints = call_arguments.inspect_arguments(function), resolved(function)
    inner = arguments_of(bare(hints.get(takes.sample)))
    read = conversion.reader(inner[0]) if inner else getattr(predictor, "read", None) if _is_ours(predictor) else None
    parameters = _readers(takes, hints)
    if read is None and not parameters and not takes.takes_headers:
        return function
    return CallTogether(function, read, None, parameters, takes.takes_headers)


def _readers(takes, hints):
    """Return {name: (reader or None, whether a text is passed unchanged)} of the arguments that a request may set."""
    return {each.name: _reader_of(each, hints.get(each.name)) for each in takes.parameters}


def _reader_of(parameter, hint):
    is_text = isinstance(parameter.default, str) if hint is None else hint_schema.schema(hint).get("type") == "string"
    return conversion.parameter_reader(hint) if hint is not None else None, is_text


def _is_ours(function):
    return isinstance(function, Call)


def _takes_any_name(function):
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in inspect.signature(function).parameters.values())
