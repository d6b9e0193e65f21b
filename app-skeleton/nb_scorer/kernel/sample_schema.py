"""Infers the form of samples and predictions: a small JSON schema of the golden rows, for the service's pages."""

from nb_scorer.model import binary

MAX_DEPTH = 5
MAX_PROPERTIES = 100
_KINDS = (("boolean", bool), ("integer", int), ("number", float), ("string", str), ("array", list), ("object", dict))


def infer(values, depth=0):
    """Return a JSON schema that fits each of `values`, decoded JSON; {} for none.

    It describes the observed samples rather than all allowed ones: for example a length, if all lists have the same.
    """
    kinds = sorted({_kind(value) for value in values})
    if "number" in kinds and "integer" in kinds:
        kinds.remove("integer")
    if not kinds:
        return {}
    schema = {"type": kinds[0] if len(kinds) == 1 else kinds}
    if kinds == ["string"]:
        schema.update(binary.schema_of_urls(values))
    if depth < MAX_DEPTH:
        schema.update(_of_lists([value for value in values if isinstance(value, list)], depth))
        schema.update(_of_objects([value for value in values if isinstance(value, dict)], depth))
    return schema


def _kind(value):
    return next((name for name, kind in _KINDS if isinstance(value, kind)), "null")


def _of_lists(lists, depth):
    if not lists:
        return {}
    schema = {"items": infer([item for items in lists for item in items], depth + 1)}
    if len({len(items) for items in lists}) == 1:
        schema["minItems"] = schema["maxItems"] = len(lists[0])
    return schema


def _of_objects(objects, depth):
    if not objects:
        return {}
    names = sorted({name for sample in objects for name in sample})
    if len(names) > MAX_PROPERTIES:
        # These names are data, such as the words of a text.
        return {"additionalProperties": infer([item for sample in objects for item in sample.values()], depth + 1)}
    properties = {name: infer([sample[name] for sample in objects if name in sample], depth + 1) for name in names}
    required = [name for name in names if all(name in sample for sample in objects)]
    return dict({"properties": properties}, **({"required": required} if required else {}))
