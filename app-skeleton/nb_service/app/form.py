"""The form fields of the prototype before this service: `json_args` holds a sample as JSON; `args` held a pickle."""

from urllib.parse import parse_qs

from nb_service.http import replies
from nb_service.http.replies import Reply

TYPE = "application/x-www-form-urlencoded"
MOST_FIELDS = 16
PICKLE = replies.problem(
    400,
    "The form field args held a pickle, which this service never loads: send the sample as JSON, "
    "in the body or in the form field json_args.",
)


def sample_in(content_type: str | None, body: bytes) -> bytes | Reply:
    """Return the one sample (its JSON) in a body of this type, or the reply that refuses it."""
    if content_type == replies.JSON_TYPE and body:
        return body
    if is_form(content_type):
        return sample_of(body)
    return replies.refusal_of_body(content_type, body) or body


def is_form(content_type: str | None) -> bool:
    """Return whether a body of this type is a form."""
    return content_type is not None and content_type[: len(TYPE)].lower() == TYPE


def sample_of(body: bytes) -> bytes | Reply:
    """Return the sample (its JSON) in a form, or the reply that refuses the form."""
    try:
        fields = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return replies.NO_JSON_HEADER
    if "args" in fields:
        return PICKLE
    samples = fields.get("json_args", [])
    if len(samples) != 1:
        # Also what `curl -d` sends for a sample without the header that says it is JSON.
        return replies.NO_JSON_HEADER
    return samples[0].encode("utf-8", "surrogatepass") or replies.EMPTY
