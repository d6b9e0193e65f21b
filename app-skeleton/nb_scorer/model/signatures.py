"""How the notebook's functions are called with one sample: by what their signatures say that they take.

Decided once, when the model is saved; a function that takes a sample in its JSON form, and nothing else, stays as it
is.
"""

import inspect

from nb_scorer.model import call_arguments, conversion, hint_schema
from nb_scorer.model.calls import Call, CallByName, CallTogether
from nb_scorer.model.hints import arguments_of, bare, resolved
from nb_scorer.model.readers import Fields


def of(called):
    """Return {name: callable} for the functions in the dict `called`, as they are asked; None for those missing."""
    predictor = _for_one_sample(called.get("predictor"))
    validator = _for_one_sample(called.get("validator"), gets_values=isinstance(predictor, CallByName))
    callables = {"predictor": predictor, "validator": validator}
    if called.get("explainer") is not None:
        callables["explainer"] = _for_one_sample(called["explainer"], isinstance(predictor, CallByName))
    return dict(callables, batch_predictor=_for_batches(called.get("batch_predictor"), callables["predictor"]))


def _for_one_sample(function, gets_values=False):
    if function is None:
        return None
    takes, hints = call_arguments.of(function, gets_values), resolved(function)
    parameters = _readers(takes, hints)
    if takes.named:
        fields = {
            each.name: (
                parameters[each.name][0] if each.name in parameters else conversion.reader(hints.get(each.name)),
                each.default is each.empty,
            )
            for each in takes.named
        }
        read = Fields(dict, fields, _takes_any_name(function))
        return CallByName(function, read, None, parameters, takes.takes_headers)
    read = conversion.reader(hints.get(takes.sample))
    keyword = takes.sample if takes.by_keyword else None
    if read is None and keyword is None and not parameters and not takes.takes_headers:
        return function
    return Call(function, read, keyword, parameters, takes.takes_headers)


def _for_batches(function, predictor):
    """Return batch_predictor as it is asked: by its own hint for a sample, or by predictor's where it has none."""
    if function is None:
        return None
    takes, hints = call_arguments.of(function), resolved(function)
    inner = arguments_of(bare(hints.get(takes.sample)))
    read = conversion.reader(inner[0]) if inner else getattr(predictor, "read", None) if _is_ours(predictor) else None
    parameters = _readers(takes, hints)
    if read is None and not parameters and not takes.takes_headers:
        return function
    return CallTogether(function, read, None, parameters, takes.takes_headers)


def _readers(takes, hints):
    """Return {name: (reader or None, whether a text is passed as it is)} of the arguments that a request may set."""
    return {each.name: _reader_of(each, hints.get(each.name)) for each in takes.parameters}


def _reader_of(parameter, hint):
    is_text = isinstance(parameter.default, str) if hint is None else hint_schema.schema(hint).get("type") == "string"
    return conversion.parameter_reader(hint) if hint is not None else None, is_text


def _is_ours(function):
    return isinstance(function, Call)


def _takes_any_name(function):
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in inspect.signature(function).parameters.values())
