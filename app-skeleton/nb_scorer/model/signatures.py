"""How the notebook's functions are called with one sample: by what their signatures say that they take.

Decided once, when the model is saved; a function that takes a sample in its JSON form stays as it is.
"""

import inspect

from nb_scorer.model import conversion, functions, hint_schema, readers
from nb_scorer.model.calls import Call, CallByName, CallTogether

_NO_FILES: dict = {}


def of(called, files=_NO_FILES):
    """Return {name: callable} for the functions in the dict `called`, as they are asked; None for those missing.

    `files` are {argument: (kind, whether it is a list of them)} of those that are files in the notebook's own samples;
    they count where there is no hint. The name of an only argument is "".
    """
    predictor = _for_one_sample(called.get("predictor"), files)
    validator = _for_one_sample(called.get("validator"), _files_for_validator(predictor))
    return {
        "predictor": predictor,
        "validator": validator,
        "batch_predictor": _for_batches(called.get("batch_predictor"), predictor),
    }


def files_of(predictor):
    """Return {argument: (kind, whether it is a list of them)} of a predictor as it is asked; "" is its only one."""
    if not isinstance(predictor, Call):
        return {}
    fields = predictor.read.fields if isinstance(predictor, CallByName) else {"": (predictor.read, True)}
    found = {name: conversion.files_in(read) for name, (read, _) in fields.items()}
    return {name: each for name, each in found.items() if each is not None}


def described_files(predictor):
    """Return what the manifest says of the arguments that are files, None where there are none.

    That is {"by_name": whether a sample is an object of arguments, "arguments": [{"name", "kind", "many"}], "order":
    the names of all arguments}; the name of an only argument is its own.
    """
    found = files_of(predictor)
    if not found:
        return None
    names = {"": _first(predictor.function) or "file"}
    arguments = [
        {"name": names.get(name, name), "kind": kind, "many": is_many} for name, (kind, is_many) in found.items()
    ]
    by_name = "" not in found
    order = list(predictor.read.fields) if by_name else [arguments[0]["name"]]
    return {"by_name": by_name, "arguments": arguments, "order": order}


def _files_for_validator(predictor):
    """Return the files for a validator without hints: those of predictor, by their names, and "" for all of a sample.

    The latter has a reader of its own where the sample is an object with files.
    """
    files = files_of(predictor)
    if isinstance(predictor, CallByName) and files:
        fields = {name: (conversion.reader_of_files(*each), False) for name, each in files.items()}
        return dict(files, **{"": readers.Fields(dict, fields, is_open=True)})
    return files


def _for_one_sample(function, files):
    if function is None:
        return None
    named = functions.named_parameters(function)
    hints = hint_schema.resolved(function)
    if named:
        fields = {
            parameter.name: (
                _reader(parameter.name, parameter.name, hints, files),
                parameter.default is parameter.empty,
            )
            for parameter in named
        }
        return CallByName(function, readers.Fields(dict, fields, _takes_any_name(function)))
    read = _reader("", _first(function), hints, files)
    return function if read is None else Call(function, read)


def _reader(name, argument, hints, files):
    """Return the reader of an argument by its hint, or by `files`, where it has the key `name`, if it has no hint."""
    if argument in hints or name not in files:
        return conversion.reader(hints.get(argument))
    known = files[name]
    return known if isinstance(known, readers.Fields) else conversion.reader_of_files(*known)


def _for_batches(function, predictor):
    """Return batch_predictor as it is asked: by its own hint for a sample, or by predictor's where it has none."""
    if function is None:
        return None
    inner = hint_schema.arguments_of(hint_schema.bare(hint_schema.resolved(function).get(_first(function))))
    read = conversion.reader(inner[0]) if inner else getattr(predictor, "read", None) if _is_ours(predictor) else None
    return function if read is None else CallTogether(function, read)


def _is_ours(function):
    return isinstance(function, Call)


def _first(function):
    """Return the name of a function's first parameter, or None where Python can't tell it."""
    try:
        return next(iter(inspect.signature(function).parameters), None)
    # Written in C, or of a kind whose signature Python can't tell.
    except Exception:
        return None


def _takes_any_name(function):
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in inspect.signature(function).parameters.values())
