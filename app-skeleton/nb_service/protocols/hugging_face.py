"""Hugging Face's form of one sample with parameters: {"inputs": …, "parameters": …}; the prediction is bare."""

from collections.abc import Mapping
from typing import Any

from nb_service.protocols import Body, Question, encode, in_object

INPUTS, PARAMETERS = "inputs", "parameters"
_KEYS = frozenset((INPUTS, PARAMETERS))


def is_meant(decoded: object, schema: Mapping[str, Any]) -> bool:
    """Return whether decoded JSON has this form and is not itself a sample that fits `schema`."""
    return isinstance(decoded, dict) and decoded.keys() == _KEYS and not set(schema.get("properties", ())) >= _KEYS


def is_meant_alone(decoded: object) -> bool:
    """Return whether decoded JSON has this form, with or without parameters, on a route for this form only."""
    return isinstance(decoded, dict) and INPUTS in decoded and decoded.keys() <= _KEYS


def read(decoded: dict) -> Question:
    """Return the sample and the parameters of a decoded body; raise Malformed."""
    sample, parameters = encode(decoded[INPUTS]), in_object(decoded, PARAMETERS)
    return Question([sample], lambda answers: Body(answers[0]), parameters=parameters)
