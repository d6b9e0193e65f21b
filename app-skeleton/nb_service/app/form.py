"""Forms: one field per argument where arguments are files, and those of the prototype before this service.

Of these, `json_args` holds a sample as JSON; `args` held a pickle.
"""

import json
from io import BytesIO
from urllib.parse import parse_qs

from nb_scorer.model import binary
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from nb_service.files import NO_FILES, Files
from nb_service.http import replies
from nb_service.http.replies import Reply
from nb_service.protocols import Malformed

URL_ENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
MAX_FIELDS = 16
# Of a form whose fields are arguments; a list of files has as many parts.
MAX_PARTS = 1000
PICKLE = replies.problem(
    400,
    "The form field args held a pickle, which this service never loads: send the sample as JSON, "
    "in the body or in the form field json_args.",
)


def sample_in(content_type: str | None, body: bytes, files: Files = NO_FILES) -> bytes | Reply:
    """Return the one sample (its JSON) in a body of this type, or the reply that refuses it."""
    if content_type == replies.JSON_TYPE and body:
        return body
    if content_type is not None and is_form(content_type):
        return sample_of(content_type, body)
    if not body and files.prefix(content_type):
        return replies.EMPTY
    refusal = replies.refusal_of_body(content_type, body)
    if refusal is replies.NO_JSON_HEADER and files.arguments:
        return replies.no_file_header(files.media_types)
    return refusal or body


def files_in(
    content_type: str | None, body: bytes, files: Files, accept: str | None = None, *, skips_empty: bool = False
) -> bytes | None:
    """Return the sample with files in a body of this type (see nb_scorer.model.binary); None where it has none.

    `accept` is the request's Accept header field; `skips_empty` is whether an empty part is an argument that is not
    given, as in a page's form. Raise Malformed for a form that can't be read.
    """
    prefix = files.prefix(content_type, accept)
    if prefix:
        return prefix + body if body else None
    kind, parameters = parse_options_header(content_type)
    if not files.arguments or kind != MULTIPART:
        return None
    fields, contents = _fields(body, parameters.get("boundary", ""))
    if skips_empty:
        kept = [index for index, content in enumerate(contents) if content]
        fields, contents = [fields[index] for index in kept], [contents[index] for index in kept]
    if not fields or (len(fields) == 1 and fields[0][0] == "json_args"):
        return None
    return b"".join((binary.prefix(json.dumps({"fields": fields, "accept": accept}).encode("ascii")), *contents))


def _fields(body: bytes, boundary: str) -> tuple[list[list], list[bytes]]:
    """Return the fields of a form as nb_scorer.model.binary describes them, and the content of each."""
    try:
        decoder = MultipartDecoder(boundary.encode("ascii"), max_parts=MAX_PARTS)
        decoder.receive_data(body)
        decoder.receive_data(None)
        fields: list[list] = []
        contents: list[bytes] = []
        while not isinstance(event := decoder.next_event(), Epilogue):
            if isinstance(event, NeedData):
                raise Malformed("The form ends too early.")
            if isinstance(event, Data):
                contents[-1] = contents[-1] + event.data if contents[-1] else bytes(event.data)
            elif isinstance(event, (Field, File)):
                fields.append([event.name, 0, *_of_part(event)])
                contents.append(b"")
    except RequestEntityTooLarge as error:
        raise Malformed(f"The form has more than {MAX_PARTS} parts.", 413) from error
    except ValueError as error:
        raise Malformed(f"The form can't be read as multipart/form-data: {error}.") from error
    for field, content in zip(fields, contents, strict=True):
        field[1] = len(content)
    return fields, contents


def _of_part(part: Field | File) -> tuple[str | None, str | None]:
    """Return (media type, file name) of a part; the name is None where the part is a value and not a file."""
    media_type = part.headers.get("Content-Type", "").partition(";")[0].strip().lower() or None
    if isinstance(part, File):
        return media_type, part.filename
    # Some clients send bytes without naming them.
    is_value = media_type is None or media_type.startswith("text/") or media_type == replies.JSON_TYPE
    return media_type, None if is_value else ""


def is_form(content_type: str | None) -> bool:
    """Return whether a body of this type is a form."""
    return content_type is not None and content_type.lower().startswith((URL_ENCODED, MULTIPART))


def sample_of(content_type: str, body: bytes) -> bytes | Reply:
    """Return the sample (its JSON) in a form of this type, or the reply that refuses the form."""
    kind, parameters = parse_options_header(content_type)
    try:
        fields = _parts(body, parameters) if kind == MULTIPART else _pairs(body)
    except (ValueError, RequestEntityTooLarge):
        return replies.NO_JSON_HEADER
    if "args" in fields:
        return PICKLE
    samples = fields.get("json_args", [])
    if len(samples) != 1:
        # Also what `curl -d` sends for a sample without the header that says it is JSON.
        return replies.NO_JSON_HEADER
    return samples[0] or replies.EMPTY


def _pairs(body: bytes) -> dict[str, list[bytes]]:
    """Return the values of each field; raise ValueError."""
    fields = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    return {name: [value.encode("utf-8", "surrogatepass") for value in values] for name, values in fields.items()}


def _stream(*_about: object, **_more: object) -> BytesIO:
    """Return the stream that a file of a form is written to."""
    return BytesIO()


def _parts(body: bytes, parameters: dict[str, str]) -> dict[str, list[bytes]]:
    """Return the values of each field, sent as text or as a file; raise ValueError or RequestEntityTooLarge."""
    boundary = parameters.get("boundary", "").encode("ascii")
    if not boundary:
        raise ValueError("no boundary")
    # The body is in memory already, and the disk may be read-only.
    parser = MultiPartParser(stream_factory=_stream, max_form_memory_size=len(body), max_form_parts=MAX_FIELDS)
    texts, files = parser.parse(BytesIO(body), boundary, len(body))
    fields = {name: [text.encode("utf-8", "surrogatepass") for text in texts.getlist(name)] for name in texts}
    for name in files:
        fields.setdefault(name, []).extend(file.read() for file in files.getlist(name))
    return fields
