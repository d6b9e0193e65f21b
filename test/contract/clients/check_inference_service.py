"""Validate a manifest with the models of KServe's own package, and Kubernetes'; print their errors."""

import json
import re
import sys
from pathlib import Path

import kserve.models
import kubernetes.client.models

WORDS = {
    "str": str,
    "int": int,
    "bool": bool,
    "float": (int, float),
    "ResourceQuantity": (str, int),
    "IntOrString": (str, int),
    # A port of a probe, by number or by name.
    "object": (str, int),
}


def complaints(value, kind, place):
    """Return the errors of a value of this kind: unknown fields and values of another type, by place."""
    if inner := re.fullmatch(r"[Ll]ist\[(.+)\]", kind):
        inside = [(f"{place}[{number}]", one) for number, one in enumerate(value)] if isinstance(value, list) else None
    elif inner := re.fullmatch(r"[Dd]ict[(\[]str, (.+)[)\]]", kind):
        inside = [(f"{place}.{name}", one) for name, one in value.items()] if isinstance(value, dict) else None
    elif kind in WORDS:
        right = isinstance(value, WORDS[kind]) and (kind == "bool" or not isinstance(value, bool))
        return [] if right else [f"{place} is no {kind}"]
    else:
        return fields(value, getattr(kserve.models, kind, None) or getattr(kubernetes.client.models, kind), place)
    if inside is None:
        return [f"{place} is no {kind}"]
    return [each for where, one in inside for each in complaints(one, inner[1], where)]


def fields(value, model, place):
    """Return the errors in the fields of an object of this model."""
    if not isinstance(value, dict):
        return [f"{place} is no object"]
    attributes = {name: attribute for attribute, name in model.attribute_map.items()}
    found = []
    for name, one in value.items():
        if name not in attributes:
            found.append(f"{place}.{name} is unknown")
        else:
            found += complaints(one, model.openapi_types[attributes[name]], f"{place}.{name}")
    if found:
        return found
    try:
        # Required fields, and enumerations.
        model(**{attributes[name]: one for name, one in value.items() if name in attributes})
    except ValueError as error:
        return [f"{place}: {error}"]
    return []


services = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
print(json.dumps([complaints(one, "V1beta1InferenceService", "") for one in services]))
