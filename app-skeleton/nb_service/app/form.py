"""Forms: with one part per argument if arguments are files, which scorers read; and those of the first prototype.

In those, `json_args` contains a sample as JSON; `args` contained a pickle.
"""

from collections.abc import Container
from io import BytesIO
from urllib.parse import parse_qs

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser
from werkzeug.http import parse_options_header

from nb_service.files import BEGINS_OF_JSON, NO_FILES, Files
from nb_service.http import replies
from nb_service.http.replies import Reply
from nb_service.request_calls import NONE, Parameters, split

URL_ENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
OCTETS = "application/octet-stream"
MAX_FIELDS = 16
PICKLE = replies.problem(
    400,
    "The form field args held a pickle, which this service never loads: send the sample as JSON, "
    "in the body or in the form field json_args.",
)


def sample_in(content_type: str | None, body: bytes, files: Files = NO_FILES) -> bytes | Reply:
    """Return the single sample (JSON) in a body of this type, or the response that rejects it."""
    if content_type == replies.JSON_TYPE and body:
        return body
    if content_type is not None and is_form(content_type):
        return sample_of(content_type, body)
    if not body and files.prefix(content_type):
        return replies.EMPTY
    rejection = replies.rejection_of_body(content_type, body)
    if rejection is replies.NO_JSON_HEADER and files.arguments:
        return replies.no_file_header(files.media_types)
    return rejection or body


def files_in(
    content_type: str | None,
    body: bytes,
    files: Files,
    accept: str | None = None,
    *,
    query: Parameters = NONE,
    parameters: Container[str] = (),
    skips_empty: bool = False,
) -> tuple[bytes | None, Parameters]:
    """Return the sample with files in a body of this type (see nb_scorer.model.binary), and the parameters in `query`.

    The sample is None if the body has no files; otherwise it contains those arguments in the query that are not among
    predictor's `parameters`. `accept` is the request's Accept header; `skips_empty` is whether an empty part means a
    missing argument, as in an HTML form.
    """
    if not content_type and files.arguments and body[:1] not in BEGINS_OF_JSON:
        # Clients that have only a file's bytes can't name its type.
        content_type = OCTETS
    rest, texts = split(query, files.arguments_in_query(content_type), parameters)
    prefix = files.prefix(content_type, accept, skips_empty=skips_empty, texts=texts)
    return (prefix + body, rest) if prefix and body else (None, query)


def is_form(content_type: str | None) -> bool:
    """Return whether a body of this type is a form."""
    return content_type is not None and content_type.lower().startswith((URL_ENCODED, MULTIPART))


def sample_of(content_type: str, body: bytes) -> bytes | Reply:
    """Return the sample (JSON) in a form of this type, or the response that rejects the form."""
    kind, parameters = parse_options_header(content_type)
    try:
        fields = _parts(body, parameters) if kind == MULTIPART else _pairs(body)
    except (ValueError, RequestEntityTooLarge):
        return replies.NO_JSON_HEADER
    if "args" in fields:
        return PICKLE
    samples = fields.get("json_args", [])
    if len(samples) != 1:
        # `curl -d` sends this type for a sample without a Content-Type header for JSON.
        return replies.NO_JSON_HEADER
    return samples[0] or replies.EMPTY


def _pairs(body: bytes) -> dict[str, list[bytes]]:
    """Return the values of each field; raise ValueError."""
    fields = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    return {name: [value.encode("utf-8", "surrogatepass") for value in values] for name, values in fields.items()}


def _stream(*_about: object, **_more: object) -> BytesIO:
    """Return the stream to which a file of a form is written."""
    return BytesIO()


def _parts(body: bytes, parameters: dict[str, str]) -> dict[str, list[bytes]]:
    """Return the values of each field, sent as text or as a file; raise ValueError or RequestEntityTooLarge."""
    boundary = parameters.get("boundary", "").encode("ascii")
    if not boundary:
        raise ValueError("no boundary")
    # The body is already in memory, and the disk may be read-only.
    parser = MultiPartParser(stream_factory=_stream, max_form_memory_size=len(body), max_form_parts=MAX_FIELDS)
    texts, files = parser.parse(BytesIO(body), boundary, len(body))
    fields = {name: [text.encode("utf-8", "surrogatepass") for text in texts.getlist(name)] for name in texts}
    for name in files:
        fields.setdefault(name, []).extend(file.read() for file in files.getlist(name))
    return fields
