"""Finds how a sample differs from the notebook's own: in type, in length, or in a field that all of them have.

That is a likely cause if predictor fails, but not a certain one, so samples are compared only after a failure.
"""

from nb_scorer.model.binary import Part
from nb_scorer.model.misfit import Misfit

_NAMES = {
    "array": "an array",
    "boolean": "a boolean",
    "integer": "a number",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}


# Errors of files, the network (which libraries raise as OSError, or with one as the cause), memory, and modules.
_ENVIRONMENT = (OSError, MemoryError, ImportError)


def comes_from_environment(error):
    """Return whether files, the network, memory, a missing module or exit() made predictor raise."""
    seen = set()
    while error is not None and id(error) not in seen:
        if not isinstance(error, Exception) or isinstance(error, _ENVIRONMENT) or _is_out_of_memory(error):
            return True
        seen.add(id(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False


def _is_out_of_memory(error):
    # GPU libraries use their own classes: torch.OutOfMemoryError, RuntimeError("CUDA error: out of memory").
    try:
        return "out of memory" in str(error).lower()
    # The __str__ of a notebook's exception may raise.
    except Exception:
        return False


def misfit(sample, schema):
    """Return a Misfit with the first difference between a sample and this `schema` of the notebook's own, or None."""
    found = _first(sample, schema, ())
    if found is None:
        return None
    path, detail = found
    return Misfit([(path, detail if path else "it {}".format(detail))])


def _first(value, schema, path):
    """Return the path of the first difference and a text about it, or None."""
    kind, kinds = _kind(value), schema.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and kind not in kinds and not (kind == "number" and "integer" in kinds):
        names = " or ".join(sorted({_NAMES.get(each, each) for each in kinds}))
        return path, "must be {}, as in the notebook's own samples, but is {}".format(names, _NAMES[kind])
    if isinstance(value, list):
        return _in_list(value, schema, path)
    return _in_object(value, schema, path) if isinstance(value, dict) else None


def _in_list(value, schema, path):
    size = schema.get("minItems")
    if size is not None and size == schema.get("maxItems") and len(value) != size:
        text = "must have {}, as in the notebook's own samples, but has {}"
        return path, text.format(_items(size), _items(len(value)))
    items = schema.get("items")
    differences = (_first(item, items, (*path, at)) for at, item in enumerate(value) if items)
    return next((each for each in differences if each is not None), None)


def _in_object(value, schema, path):
    lacking = [name for name in schema.get("required", ()) if name not in value]
    if lacking:
        return (*path, lacking[0]), "is missing"
    properties, rest = schema.get("properties") or {}, schema.get("additionalProperties") or {}
    known = {name: properties.get(name, rest) for name in value}
    differences = (_first(value[name], part, (*path, name)) for name, part in known.items() if isinstance(part, dict))
    return next((each for each in differences if each is not None), None)


def _items(count):
    return "1 item" if count == 1 else "{} items".format(count)


def _kind(value):
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, (str, Part)):
        return "string"
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, dict) else "null"
