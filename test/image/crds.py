"""Kinds that clusters learn: what their own schemas, in the source that defines them, have against a document."""

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import yaml

from engine import go_tool, provide


def source(module: str) -> Path:
    """Return the folder of a Go module's source, by its path@version; raise Missing where it can't be had."""
    go = go_tool.program(provide.ROOT / "test/openshift")
    return Path(json.loads(provide.call(go, "mod", "download", "-json", module, cwd="/"))["Dir"])


def complaints(definition: Path, version: str) -> Callable[[dict], str]:
    """Return what says what a definition's schema has against a document's spec; "" for nothing."""
    crd = yaml.safe_load(definition.read_text(encoding="utf-8"))
    (reported,) = [each for each in crd["spec"]["versions"] if each["name"] == version]
    # Of metadata a cluster knows more than the schema says.
    validator = jsonschema.Draft7Validator(_strict(reported["schema"]["openAPIV3Schema"]["properties"]["spec"]))
    return lambda item: "; ".join(error.message for error in validator.iter_errors(item["spec"]))


def _strict(schema):
    """Return a schema that allows no field which it does not name."""
    if isinstance(schema, dict):
        schema = {name: _strict(value) for name, value in schema.items()}
        if "properties" in schema and "additionalProperties" not in schema:
            schema["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    elif isinstance(schema, list):
        schema = [_strict(value) for value in schema]
    return schema
