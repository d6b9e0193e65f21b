"""Parameters and headers that a request adds to its samples, checked against the arguments of a function.

The facts of a call are one JSON object, the same for all samples of a request: `parameters` are JSON values, `texts`
are pairs of a name and a text, as in a URL's query, and `headers` are headers. `function` is the name of the called
function, unless that is predictor.
"""

import copy
import json

from nb_scorer.model import json_codec
from nb_scorer.model.calls import HEADERS, Call
from nb_scorer.model.misfit import Misfit

# Immutable types, which a function can't modify.
_CONSTANT = frozenset((type(None), bool, int, float, str))
_NO_PARAMETERS = "{} is not a parameter of this model, which has none"
_UNKNOWN = "{} is not a parameter of this model; its parameters are {}"


class UnknownParameter(ValueError):
    """A request sets an unknown parameter; the exception's text is for the client."""


def facts_of(call):
    """Return the facts in the bytes of a call."""
    return json_codec.decode(call)


def given(predictor, facts):
    """Return {argument: value} for calling a predictor; raise UnknownParameter, or Misfit for invalid values."""
    accepted = predictor.parameters if isinstance(predictor, Call) else {}
    texts: dict = {}
    for name, text in facts.get("texts", ()):
        texts.setdefault(name, []).append(text)
    parameters = facts.get("parameters", {})
    for name in (*parameters, *texts):
        if name not in accepted:
            shown = json.dumps(name, ensure_ascii=False)
            message = _UNKNOWN.format(shown, ", ".join(accepted)) if accepted else _NO_PARAMETERS.format(shown)
            raise UnknownParameter(message)
    values: dict = {}
    errors: list = []
    for name, (read, is_text) in accepted.items():
        try:
            if name in parameters:
                values[name] = parameters[name] if read is None else read(parameters[name])
            elif name in texts:
                values[name] = _of_texts(texts[name], read, is_text)
        except Misfit as misfit:
            errors += [((name, *path), detail) for path, detail in misfit.errors]
    if errors:
        raise Misfit(errors)
    if HEADERS in facts and getattr(predictor, "takes_headers", False):
        values[HEADERS] = facts[HEADERS]
    return values


def for_function(function, values):
    """Return those `values` of predictor's arguments that another function also takes."""
    if not isinstance(function, Call):
        return {}
    return {
        name: value
        for name, value in values.items()
        if name in function.parameters or (name == HEADERS and function.takes_headers)
    }


def fresh(values):
    """Return `values` for one more call, with copies of values that a function may modify."""
    if _CONSTANT.issuperset(map(type, values.values())):
        return values
    return copy.deepcopy(values)


def _of_texts(texts, read, is_text):
    """Return the value of a parameter that was sent as text; several texts are a list; raise Misfit."""
    if len(texts) > 1:
        candidates = [[text if is_text else _decoded(text) for text in texts]]
    elif is_text:
        candidates = [texts[0]]
    else:
        # A text may be an enum's value, and a single text may be a list with one item.
        candidates = [_decoded(texts[0]), texts[0], [_decoded(texts[0])]]
    if read is None:
        return candidates[0]
    first = None
    for candidate in candidates:
        try:
            return read(candidate)
        except Misfit as misfit:
            first = first or misfit
    raise first


def _decoded(text):
    """Return `text` decoded as JSON, or the text itself if it isn't valid."""
    try:
        return json_codec.decode(text.encode("utf-8", "surrogatepass"))
    except ValueError:
        return text
