"""Bodies of many samples without a protocol around them: JSON, NDJSON, CSV, npy, Arrow.

The answers come back in the form of the samples, or in the one that Accept names.
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
_CONTENT_TYPES = {"ndjson": ndjson.CONTENT_TYPE}


class ContentType(NamedTuple):
    """A media type without its parameters, and these."""

    kind: str
    parameters: dict[str, str]


def parse(content_type: str | None) -> ContentType:
    """Return the parts of a Content-Type in lower case; a missing one is JSON."""
    kind, *parameters = (content_type or JSON_TYPE).lower().split(";")
    pairs = (part.partition("=") for part in parameters)
    return ContentType(kind.strip(), {name.strip(): value.strip().strip('"') for name, _, value in pairs})


def read(body: bytes, content_type: str | None, accept: str | None, rows: Rows, limits: Limits = DEFAULT) -> Question:
    """Return the samples in a body of any of TYPES; raise Malformed (415 for another type, 406 for another Accept)."""
    given = parse(content_type)
    form = _NAMES.get(given.kind)
    if form is None or (form == "arrow" and not arrow.is_here()):
        raise Malformed(_not_taken(given.kind), 415)
    if given.parameters.get("charset", "utf-8") not in ("utf-8", "utf8", "us-ascii"):
        raise Malformed("Texts are read as UTF-8 only.", 415)
    wanted = accepted(accept)
    if wanted is not None and wanted not in _WRITERS:
        raise Malformed(_not_taken(wanted).replace("read", "written"), 406)
    samples = _READERS[form](body, rows, limits, given.parameters)
    return Question(samples, lambda answers: _write(answers, wanted, form, content_type))


def accepted(accept: str | None) -> str | None:
    """Return the form that an Accept header names first among those there are, None for any."""
    kinds = [part.partition(";")[0].strip().lower() for part in (accept or "*/*").split(",")]
    known = [_NAMES[kind] for kind in kinds if kind in _NAMES]
    if known or "*/*" in kinds or "application/*" in kinds or "text/*" in kinds:
        return known[0] if known else None
    return kinds[0]


def writer(accept: str | None) -> Callable[[Series], Body] | None:
    """Return what writes answers in the form that Accept names, None for JSON or any; raise Malformed (406)."""
    wanted = accepted(accept)
    if wanted in (None, "json"):
        return None
    if wanted not in _WRITERS:
        raise Malformed(_not_taken(wanted).replace("read", "written"), 406)
    return lambda answers: _write(answers, wanted, wanted, _CONTENT_TYPES.get(wanted))


def _not_taken(kind: str) -> str:
    if kind == arrow.CONTENT_TYPE:
        return "Arrow is not read here: this service has no pyarrow."
    return f"{kind or 'This type'} is not read here; these are: {', '.join(sorted(set(TYPES) - {arrow.CONTENT_TYPE}))}."


def _write(answers: Series, wanted: str | None, form: str, content_type: str | None) -> Body:
    if wanted in (None, form) and form == "ndjson":
        return ndjson.write(answers, parse(content_type).kind)
    body = _WRITERS[wanted or form](answers)
    if body is None and wanted is not None:
        raise Malformed(f"These answers have no form as {wanted}; ask for application/json.", 406)
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
