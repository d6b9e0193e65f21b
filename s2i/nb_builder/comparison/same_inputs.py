"""Compares the sample schemas of two services, to determine whether both can accept the same samples."""


def difference(old: dict, new: dict) -> str | None:
    """Return why no sample fits both schemas, or None if one may fit, or if that is unknown.

    Only certain differences count: a schema describes golden rows and type hints, not all that is allowed.
    """
    kinds, others = _kinds(old), _kinds(new)
    if not kinds or not others:
        return None
    if not kinds & others:
        return f"OLD takes {_either(kinds)}, NEW takes {_either(others)}"
    if kinds == others == {"array"}:
        return _of_lists(old, new)
    if kinds == others == {"object"}:
        return _of_objects(old, new)
    return None


def _of_lists(old: dict, new: dict) -> str | None:
    lengths = [schema["minItems"] if _is_fixed(schema) else None for schema in (old, new)]
    if None in lengths or lengths[0] == lengths[1]:
        return None
    return f"OLD takes lists of {lengths[0]} values, NEW of {lengths[1]}"


def _is_fixed(schema: dict) -> bool:
    return "minItems" in schema and schema["minItems"] == schema.get("maxItems")


def _of_objects(old: dict, new: dict) -> str | None:
    for label, needs, has in (("NEW", new, old), ("OLD", old, new)):
        if "properties" not in has:
            continue
        lacking = sorted(set(needs.get("required", ())) - set(has["properties"]))
        if lacking:
            other = "OLD" if label == "NEW" else "NEW"
            return f"{label} needs the field {lacking[0]!r}, which samples of {other} do not have"
    return None


def _kinds(schema: dict) -> set[str]:
    kinds = schema.get("type", ())
    named = {kinds} if isinstance(kinds, str) else set(kinds)
    return named | ({"number"} if "integer" in named else set())


def _either(kinds: set[str]) -> str:
    names = {"array": "lists", "object": "objects", "string": "texts", "boolean": "true or false", "null": "null"}
    return " or ".join(sorted({names.get(kind, "numbers") for kind in kinds}))
