"""The fields for predictor's parameters on the page: one per parameter; an empty one means the default."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nb_scorer.common import phrases

from nb_service.app.pages.posted_fields import BOOLEAN, JSON, NUMBERS
from nb_service.app.pages.sample_fields import LONG, WORDS
from nb_service.request_calls import Parameters

# Prefix of these fields' names in forms that also have the fields of a sample.
PREFIX = "parameter:"


@dataclass(frozen=True)
class ParameterField:
    """A parameter's name, its type and default as text, its choices if it has any, and the entered text.

    A choice is a pair of the text that is sent and the text that is shown.
    """

    name: str
    kind_text: str
    default: str
    is_number: bool
    choices: list[tuple[str, str]]
    text: str = ""
    error: str = ""

    @property
    def at(self) -> str:
        """Return the pointer by which errors name it."""
        return f"#/parameters/{self.name}"


def build_fields(
    declared: Mapping[str, dict], parameters: Parameters, errors: Mapping[str, str] | None = None
) -> list[ParameterField]:
    """Return a field for each declared parameter, with the text that `parameters` has for it."""
    texts = dict(parameters.texts)
    return [_field(name, schema, texts.get(name, ""), errors or {}) for name, schema in declared.items()]


def given(form: Iterable[tuple[str, str]]) -> Parameters:
    """Return the parameters that a form sets: those of fields that are not empty."""
    return Parameters(
        texts=[(name.removeprefix(PREFIX), text) for name, text in form if name.startswith(PREFIX) and text]
    )


def _field(name: str, schema: dict, text: str, errors: Mapping[str, str]) -> ParameterField:
    kind = schema.get("type", JSON)
    kinds = [kind] if isinstance(kind, str) else kind
    choices = [(_text(value), _text(value)) for value in schema.get("enum", ())]
    if kinds == [BOOLEAN]:
        choices = [("true", "yes"), ("false", "no")]
    kind_text = " or ".join(WORDS[each] for each in kinds) if not schema.get("enum") else "one of these"
    default = _text(schema.get("default"))
    default = phrases.cut(dict(choices).get(default, default), LONG)
    is_number = len(kinds) == 1 and kinds[0] in NUMBERS
    return ParameterField(name, kind_text, default, is_number, choices, text, errors.get(f"#/parameters/{name}", ""))


def _text(value: object) -> str:
    """Return a value as it is written in a query: a string unchanged, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
