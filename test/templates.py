"""OpenShift's templates, filled in as its own processor does."""

import re


def filled(template: dict, **given: str) -> list[dict]:
    """Return a template's objects where `given`, or its own values, stand in for its parameters.

    Raise KeyError for an unknown parameter, and for a required one without a value.
    """
    own = {each["name"]: each.get("value", "") for each in template["parameters"]}
    if unknown := given.keys() - own.keys():
        raise KeyError(*unknown)
    values = {**own, **given}
    required = [each["name"] for each in template["parameters"] if each.get("required")]
    if missing := [name for name in required if not values[name]]:
        raise KeyError(*missing)
    return [_filled(each, values) for each in template["objects"]]


def _filled(value: object, values: dict[str, str]) -> object:
    if isinstance(value, dict):
        return {name: _filled(each, values) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, values) for each in value]
    if not isinstance(value, str):
        return value
    # A whole text, never a part of one; the result is a number instead of a text.
    if (whole := re.fullmatch(r"\$\{\{(\w+)\}\}", value)) and whole[1] in values:
        return int(values[whole[1]])
    # Other names stay: they belong to another program, as ${SERVICE} to Docker.
    return re.sub(r"\$\{(\w+)\}", lambda found: values.get(found[1], found[0]), value)
