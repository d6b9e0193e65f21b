"""What a model takes and gives, for its pages and metadata: what golden rows show, widened by what type hints say."""


def merged(seen: dict, told: dict) -> dict:
    """Return the schema of the golden rows with what the hint allows beside; a hint that they contradict is dropped.

    Either alone counts where the other is {}.
    """
    if not seen or not told:
        return seen or told
    kinds, allowed = _kinds(seen), _kinds(told)
    if not kinds <= allowed | ({"integer"} if "number" in allowed else set()):
        return seen
    kinds |= allowed
    kinds -= {"integer"} if "number" in kinds else set()
    found = {**seen, "type": min(kinds) if len(kinds) == 1 else sorted(kinds)}
    if "enum" in told:
        found["enum"] = told["enum"]
    if "items" in seen or "items" in told:
        found["items"] = merged(seen.get("items", {}), told.get("items", {}))
    return {**found, **_of_objects(seen, told)}


def _of_objects(seen: dict, told: dict) -> dict:
    known, fields, others = seen.get("properties"), told.get("properties", {}), told.get("additionalProperties", {})
    if known is None:
        return {key: told[key] for key in ("properties", "required", "additionalProperties") if key in told}
    properties = {name: merged(known.get(name, {}), fields.get(name, others)) for name in {**known, **fields}}
    # What all rows have may still be left out where the hint says so.
    required = [name for name in seen.get("required", ()) if name not in fields or name in told.get("required", ())]
    return {"properties": properties, "required": required}


def _kinds(schema: dict) -> set[str]:
    return {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
