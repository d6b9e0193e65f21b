"""How the notebook's functions are asked with one sample: by what their signatures say that they take.

Decided once, when the model is saved: a function that takes a sample as JSON has it stays what it is.
"""

import inspect

from nb_scorer.model import conversion, functions, hint_schema, readers
from nb_scorer.model.calls import Call, CallByName, CallTogether


def of(called):
    """Return predictor, validator and batch_predictor of the dict `called` as they are asked, None for the missing."""
    asked = {name: _one(called.get(name)) for name in ("predictor", "validator")}
    return dict(asked, batch_predictor=_together(called.get("batch_predictor"), asked["predictor"]))


def _one(function):
    if function is None:
        return None
    named = functions.named_parameters(function)
    known = hint_schema.resolved(function)
    if named:
        fields = {one.name: (conversion.reader(known.get(one.name)), one.default is one.empty) for one in named}
        return CallByName(function, readers.Fields(dict, fields, _takes_any_name(function)))
    read = conversion.reader(known.get(_first(function)))
    return function if read is None else Call(function, read)


def _together(function, predictor):
    """Return batch_predictor as it is asked: by its own hint for a sample, without one as predictor is."""
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
    # Written in C, or of a kind that Python has no words for.
    except Exception:
        return None


def _takes_any_name(function):
    return any(one.kind is one.VAR_KEYWORD for one in inspect.signature(function).parameters.values())
