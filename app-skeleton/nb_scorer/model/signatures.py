"""How the notebook's functions are called with one sample: by what their signatures say that they take.

Decided once, when the model is saved; a function that takes a sample in its JSON form stays as it is.
"""

import inspect

from nb_scorer.model import conversion, functions, hint_schema, readers
from nb_scorer.model.calls import Call, CallByName, CallTogether


def of(called):
    """Return {name: callable} for the functions in the dict `called`, as they are asked; None for those missing."""
    callables = {name: _for_one_sample(called.get(name)) for name in ("predictor", "validator")}
    return dict(callables, batch_predictor=_for_batches(called.get("batch_predictor"), callables["predictor"]))


def _for_one_sample(function):
    if function is None:
        return None
    named = functions.named_parameters(function)
    hints = hint_schema.resolved(function)
    if named:
        fields = {
            parameter.name: (conversion.reader(hints.get(parameter.name)), parameter.default is parameter.empty)
            for parameter in named
        }
        return CallByName(function, readers.Fields(dict, fields, _takes_any_name(function)))
    read = conversion.reader(hints.get(_first(function)))
    return function if read is None else Call(function, read)


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
