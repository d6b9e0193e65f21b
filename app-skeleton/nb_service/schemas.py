"""The JSON schemas of a model's samples and predictions, derived from golden rows and type hints."""


def merged(seen: dict, hinted: dict) -> dict:
    """Return the schema `seen` in golden rows, widened by the `hinted` one unless the rows contradict the hint.

    If one is {}, the other is returned.
    """
    if not seen or not hinted:
        return seen or hinted
    kinds, allowed = _kinds(seen), _kinds(hinted)
    if not kinds <= allowed | ({"integer"} if "number" in allowed else set()):
        return seen
    kinds |= allowed
    kinds -= {"integer"} if "number" in kinds else set()
    schema = {**seen, "type": min(kinds) if len(kinds) == 1 else sorted(kinds)}
    schema.update((key, hinted[key]) for key in ("enum", "format", "contentMediaType") if key in hinted)
    if "items" in seen or "items" in hinted:
        schema["items"] = merged(seen.get("items", {}), hinted.get("items", {}))
    return {**schema, **_merged_objects(seen, hinted)}


def _merged_objects(seen: dict, hinted: dict) -> dict:
    seen_properties, hinted_properties, additional = (
        seen.get("properties"),
        hinted.get("properties", {}),
        hinted.get("additionalProperties", {}),
    )
    if seen_properties is None:
        return {key: hinted[key] for key in ("properties", "required", "additionalProperties") if key in hinted}
    properties = {
        name: merged(seen_properties.get(name, {}), hinted_properties.get(name, additional))
        for name in {**seen_properties, **hinted_properties}
    }
    # A property that all rows have is still optional if the type hint declares it so.
    required = [
        name for name in seen.get("required", ()) if name not in hinted_properties or name in hinted.get("required", ())
    ]
    return {"properties": properties, "required": required}


def _kinds(schema: dict) -> set[str]:
    return {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
