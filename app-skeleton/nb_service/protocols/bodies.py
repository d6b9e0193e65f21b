"""Bodies of many samples without a protocol around them: JSON, NDJSON, CSV, npy, Arrow.

The predictions are in the format of the samples, unless Accept names another one.
"""

from collections.abc import Callable
from typing import NamedTuple

from nb_service.protocols import (
    DEFAULT,
    JSON_TYPE,
    Body,
    Limits,
    Malformed,
    Question,
    Series,
    arrow,
    csv_body,
    ndjson,
    npy,
)
from nb_service.protocols.rows import Rows

_NAMES = {
    JSON_TYPE: "json",
    "text/csv": "csv",
    "application/csv": "csv",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonlines": "ndjson",
    "application/jsonl": "ndjson",
    "application/x-jsonlines": "ndjson",
    "application/x-npy": "npy",
    arrow.CONTENT_TYPE: "arrow",
}
TYPES = tuple(_NAMES)


class ContentType(NamedTuple):
    """A media type, and its parameters."""

    kind: str
    parameters: dict[str, str]


def parse(content_type: str | None) -> ContentType:
    """Return the parts of a Content-Type, in lower case; an empty one means JSON."""
    kind, *parameters = (content_type or JSON_TYPE).lower().split(";")
    pairs = (part.partition("=") for part in parameters)
    return ContentType(kind.strip(), {name.strip(): value.strip().strip('"') for name, _, value in pairs})


def read(body: bytes, content_type: str | None, accept: str | None, rows: Rows, limits: Limits = DEFAULT) -> Question:
    """Return the samples of a body in one of TYPES; raise Malformed (415 for another type, 406 for another Accept)."""
    media_type = parse(content_type)
    form = _NAMES.get(media_type.kind)
    if form is None or (form == "arrow" and not arrow.is_here()):
        raise Malformed(_not_taken(media_type.kind), 415)
    if media_type.parameters.get("charset", "utf-8") not in ("utf-8", "utf8", "us-ascii"):
        raise Malformed("The only supported charset is UTF-8.", 415)
    accepted_form = accepted(accept)
    if accepted_form is not None and accepted_form not in _WRITERS:
        raise Malformed(_not_taken(accepted_form), 406)
    samples = _READERS[form](body, rows, limits, media_type.parameters)
    kind = accepted_kind(accept) or media_type.kind
    return Question(samples, lambda answers: _write(answers, accepted_form, form, kind))


def accepted(accept: str | None) -> str | None:
    """Return the first known format in an Accept header; None if it allows any; its first type if none is known."""
    kind = accepted_kind(accept)
    return _NAMES.get(kind, kind) if kind is not None else None


def accepted_kind(accept: str | None) -> str | None:
    """Return the media type of the first known format in an Accept header, None for any, its first if none is known."""
    kinds = [part.partition(";")[0].strip().lower() for part in (accept or "*/*").split(",")]
    known = [kind for kind in kinds if kind in _NAMES]
    if known or "*/*" in kinds or "application/*" in kinds or "text/*" in kinds:
        return known[0] if known else None
    return kinds[0]


def writer(accept: str | None) -> Callable[[Series], Body] | None:
    """Return the writer for the format that Accept names, None for JSON or any; raise Malformed (406)."""
    accepted_form = accepted(accept)
    if accepted_form in (None, "json"):
        return None
    if accepted_form not in _WRITERS:
        raise Malformed(_not_taken(accepted_form), 406)
    return lambda answers: _write(answers, accepted_form, accepted_form, accepted_kind(accept))


def _not_taken(kind: str) -> str:
    if kind == arrow.CONTENT_TYPE:
        return "Arrow is not supported: this service has no pyarrow."
    supported = ", ".join(sorted(set(TYPES) - {arrow.CONTENT_TYPE}))
    return f"{kind or 'This type'} is not supported; supported types: {supported}."


def _write(answers: Series, accepted_form: str | None, form: str, kind: str | None) -> Body:
    """Return the predictions in `accepted_form`, otherwise in `form`; `kind` is the media type for JSON lines."""
    if (accepted_form or form) == "ndjson":
        return ndjson.write(answers, kind or ndjson.CONTENT_TYPE)
    body = _WRITERS[accepted_form or form](answers)
    if body is None and accepted_form is not None:
        raise Malformed(f"These predictions can't be sent as {accepted_form}; request application/json.", 406)
    return body or Body(answers.array)


_READERS: dict[str, Callable[[bytes, Rows, Limits, dict], Series]] = {
    "json": lambda body, rows, limits, parameters: Series(array=body),
    "csv": lambda body, rows, limits, parameters: csv_body.read(body, rows, parameters.get("header"), limits),
    "ndjson": lambda body, rows, limits, parameters: ndjson.read(body, limits),
    "npy": lambda body, rows, limits, parameters: npy.read(body, rows, limits),
    "arrow": lambda body, rows, limits, parameters: arrow.read(body, rows, limits),
}
_WRITERS: dict[str, Callable[[Series], Body | None]] = {
    "json": lambda answers: Body(answers.array),
    "csv": csv_body.write,
    "ndjson": ndjson.write,
    "npy": lambda answers: npy.write(answers.values),
    "arrow": lambda answers: arrow.write(answers) if arrow.is_here() else None,
}
