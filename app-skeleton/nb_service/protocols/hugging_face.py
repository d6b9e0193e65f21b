"""Hugging Face's body of one sample with parameters, {"inputs": …, "parameters": …}; the response is the prediction."""

from collections.abc import Mapping
from typing import Any

from nb_service.protocols import Body, Question, encode, in_object

INPUTS, PARAMETERS = "inputs", "parameters"
_KEYS = frozenset((INPUTS, PARAMETERS))


def is_meant(decoded: object, schema: Mapping[str, Any]) -> bool:
    """Return whether decoded JSON is such a body rather than a sample that fits `schema`."""
    return isinstance(decoded, dict) and decoded.keys() == _KEYS and not set(schema.get("properties", ())) >= _KEYS


def is_meant_alone(decoded: object) -> bool:
    """Return whether decoded JSON is such a body, with or without parameters, on a route that accepts no other."""
    return isinstance(decoded, dict) and INPUTS in decoded and decoded.keys() <= _KEYS


def read(decoded: dict) -> Question:
    """Return the sample and the parameters of a decoded body; raise Malformed."""
    sample, parameters = encode(decoded[INPUTS]), in_object(decoded, PARAMETERS)
    question = Question([sample], lambda answers: Body(answers[0]), parameters=parameters)
    question.may_be_file = True
    return question
