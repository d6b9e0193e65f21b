"""Validates the manifest: each field must be absent or have the type that assemble writes."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from nb_scorer.common import phrases
from nb_scorer.model import verified_file
from nb_scorer.model.manifest import parsed
from nb_scorer.protocol.orders import FORK, SPAWN

from nb_service import problems

# A name that is valid in a path, a header and TensorFlow Serving's routes.
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
KINDS = frozenset(("array", "boolean", "integer", "null", "number", "object", "string"))


def read(path: Path, digests: Mapping[str, str] | None = None) -> dict:
    """Return the manifest at `path`; raise ModelFormatUnknown, or ModelDamaged for a field of another type.

    With verified `digests`, raise ModelNotAsSigned if the file differs.
    """
    manifest = parsed(path.read_bytes() if digests is None else verified_file.content(path, digests.get(path.name)))
    return {name: _checked(path, name, value) for name, value in manifest.items()}


def _checked(path: Path, name: str, value: object) -> object:
    check = FIELDS.get(name)
    # A field may be null if the build could not determine it, except for a few that are always known.
    if check is None or (value is None and name not in NEVER_NULL):
        return value
    try:
        return check(value)
    except ValueError as error:
        raise problems.not_as_written(path, f"{name} is {phrases.as_json(value)}, but must be {error}") from error


def text(value: object) -> str:
    """Return a string unchanged; raise ValueError for anything else, as all of these checks do."""
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("a text")
    return value


def shown(value: object) -> str:
    """Return a string for pages; a lone surrogate, which a page can't contain, is escaped."""
    return text(value).encode("utf-8", "backslashreplace").decode("utf-8")


def texts(value: object) -> list[str]:
    """Return a list of strings unchanged."""
    if not isinstance(value, list):
        raise ValueError("a list of strings")  # noqa: TRY004 - of a file's content
    return [text(item) for item in value]


def truth(value: object) -> bool:
    """Return a boolean unchanged."""
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 - of a file's content
    return value


def count(value: object) -> int:
    """Return a whole number that is not negative, unchanged."""
    if type(value) is not int or value < 0:
        raise ValueError("a whole number")
    return value


def share(value: object) -> float:
    """Return a number from 0 to 1, unchanged."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError("a number from 0 to 1")
    return value


def facts(value: object) -> dict:
    """Return a JSON object unchanged."""
    if not isinstance(value, dict):
        raise ValueError("an object")  # noqa: TRY004 - of a file's content
    return value


def concurrency(value: object) -> dict:
    """Return why requests may not be served concurrently, as {"reason": text, or None if they may be}."""
    reason = facts(value).get("reason")
    return {"reason": None if reason is None else shown(reason)}


def files(value: object) -> dict:
    """Return a manifest's description of arguments that are files, unchanged."""
    # Imported here, so that a service without such arguments starts without it.
    from nb_scorer.model import binary

    described = facts(value)
    truth(described.get("by_name"))
    texts(described.get("order"))
    for is_list in facts(described.get("texts", {})).values():
        truth(is_list)
    arguments = described.get("arguments")
    if not isinstance(arguments, list) or not arguments:
        raise ValueError("an object with a list of arguments")
    for argument in arguments:
        shown(facts(argument).get("name"))
        truth(argument.get("many"))
        if argument.get("kind") not in binary.MEDIA_TYPES:
            raise ValueError(f"an argument of one of the kinds {', '.join(binary.MEDIA_TYPES)}")
    return described


def predictors(value: object) -> dict:
    """Return the manifests of named predictors by name, each validated as a manifest."""
    named = facts(value)
    for name, fields in named.items():
        if not NAME.fullmatch(name):
            raise ValueError("an object whose keys are names")
        for field, inner in facts(fields).items():
            check = FIELDS.get(field)
            if check is not None and inner is not None:
                fields[field] = check(inner)
    return named


def start(value: object) -> str:
    """Return a start method of scorers, unchanged."""
    if value not in (FORK, SPAWN):
        raise ValueError(f"{FORK} or {SPAWN}")
    return value


def schema(value: object) -> dict:
    """Return a JSON schema with the keywords that assemble writes, unchanged."""
    try:
        if isinstance(value, dict) and _is_schema(value):
            return value
    except RecursionError:
        pass
    raise ValueError("a JSON schema")


def schemas(value: object) -> dict:
    """Return an object of such schemas, which may have defaults, unchanged."""
    if isinstance(value, dict):
        return {
            name: {**schema({key: fact for key, fact in facts(inner).items() if key != "default"}), **inner}
            for name, inner in value.items()
        }
    raise ValueError("an object of JSON schemas")


def _is_schema(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    return not value or (
        "type" in value and all(_KEYWORDS.get(key, _is_any)(keyword_value) for key, keyword_value in value.items())
    )


def _is_type(value: object) -> bool:
    kinds = value if isinstance(value, list) else [value]
    return bool(kinds) and all(isinstance(kind, str) and kind in KINDS for kind in kinds)


def _are_properties(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_schema, value.values()))


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_length(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_any(_value: object) -> bool:
    return True


_KEYWORDS: dict[str, Callable[[object], bool]] = {
    "type": _is_type,
    "items": _is_schema,
    "properties": _are_properties,
    "additionalProperties": _is_schema,
    "required": _are_names,
    "enum": _is_list,
    "minItems": _is_length,
    "maxItems": _is_length,
}
FIELDS: dict[str, Callable] = {
    **dict.fromkeys(("notebook", "predictor_doc", "predictor_signature", "scorer_start_reason"), shown),
    **dict.fromkeys(("python", "python_full", "cloudpickle", "built", "pickle_sha256"), shown),
    **dict.fromkeys(("folder", "cwd"), text),
    **dict.fromkeys(("path_first", "path_last"), texts),
    **dict.fromkeys(("validator", "batch_predictor", "explainer", "deterministic", "pandas_labels"), truth),
    **dict.fromkeys(("golden", "golden_with_parameters", "pickle_bytes", "scorer_threads"), count),
    **dict.fromkeys(("answer_file", "predictor", "setup_in_build", "streams"), truth),
    "predictors": predictors,
    **dict.fromkeys(("sample_schema", "answer_schema", "sample_hint", "answer_hint"), schema),
    **dict.fromkeys(("process_state", "drift"), facts),
    "parameters": schemas,
    "takes_headers": truth,
    "tolerance": share,
    "files": files,
    "concurrency": concurrency,
    "scorer_start": start,
}
NEVER_NULL = frozenset(("notebook", "folder", "built", "path_first", "path_last", "tolerance"))
