"""Replies to clients: statuses, bodies and headers, and the text of every rejection."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote

from nb_scorer.protocol import answer_words

from nb_service.pool import answer as outcomes
from nb_service.pool.answer import Answer
from nb_service.settings import Settings

JSON_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"
RETRY_SECONDS = 1

REASONS = {
    200: "OK",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
}


def phrase(status: int) -> str:
    """Return the reason phrase of a status, which a notebook may have chosen."""
    if status in REASONS:
        return REASONS[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Rejected" if status < 500 else "Failed"


class Rejection(NamedTuple):
    """The reason why a request or sample gets no prediction, which each protocol writes in its own form.

    `detail` is a sentence; `errors` locate parts of the sample with JSON pointers.
    """

    status: int
    detail: str
    errors: Sequence[dict] = ()
    traceback: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return the rejection as a problem object of RFC 9457."""
        facts = {"type": "about:blank", "title": phrase(self.status), "status": self.status, "detail": self.detail}
        more = {"errors": self.errors, "traceback": self.traceback}
        return {**facts, **{name: value for name, value in more.items() if value}}


class Reply(NamedTuple):
    """A status, a body, its type, and further headers; and the rejection, if it is one."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: tuple = ()
    rejection: Rejection | None = None


def problem(status: int, detail: str, headers: tuple = ()) -> Reply:
    """Return a rejection as a problem of RFC 9457: title, status, and the sentence `detail`."""
    return rejected(Rejection(status, detail), headers)


def rejected(rejection: Rejection, headers: tuple = ()) -> Reply:
    """Return the reply for a rejection, as a problem of RFC 9457."""
    body = json.dumps(rejection.as_dict()).encode("utf-8") + b"\n"
    return Reply(rejection.status, body, PROBLEM_TYPE, headers, rejection)


def detail_of(reply: Reply) -> str:
    """Return the sentence of a rejection, "" for any other reply."""
    return reply.rejection.detail if reply.rejection is not None else ""


# Below these paths, clients of TensorFlow Serving, KServe and Open Inference read only the key `error`.
_ERROR_PATHS = ("/v1/", "/v2/")


def in_form_of(path: str, reply: Reply) -> Reply:
    """Return `reply` in the form of the protocol that `path` belongs to, which may write rejections differently."""
    if reply.rejection is None or not f"{path}/".startswith(_ERROR_PATHS):
        return reply
    body = {"error": reply.rejection.detail}
    return reply._replace(body=json.dumps(body).encode("utf-8") + b"\n", content_type=JSON_TYPE)


EMPTY = problem(400, "The body is empty; send one sample as JSON.")
NO_JSON_HEADER = problem(
    415,
    "Send the sample as JSON: curl -H 'Content-Type: application/json'. CSV and other tables go to /predict/batch.",
)


def no_file_header(media_types: Sequence[str]) -> Reply:
    """Return the rejection of a body that is declared as neither JSON nor a file, for a predictor that takes files."""
    return problem(
        415,
        f"Send the file itself with its Content-Type ({', '.join(media_types)}), a form (multipart/form-data) with one "
        "part per argument, or JSON.",
        (("Accept", ", ".join([*media_types, "multipart/form-data", JSON_TYPE])),),
    )


DIED = problem(500, "The process that scored this sample crashed or was killed.")
_LATER = (("Retry-After", str(RETRY_SECONDS)),)
FULL = problem(503, "More samples are waiting than this service accepts (S2I_MAX_QUEUE); try again.", _LATER)
HELD = problem(
    503, "Requests and responses hold more bytes than this service accepts (S2I_MAX_HELD); try again.", _LATER
)
APP_FULL = problem(503, "Too many requests for routes other than /predict are waiting; try again.", _LATER)
TOO_LARGE_WORDS = "The body is larger than this service accepts (S2I_MAX_BODY)."
TOO_LARGE = problem(413, TOO_LARGE_WORDS)
NO_HTTP2 = problem(505, "HTTP/2 is not supported.")
NO_APP = problem(503, "The process for this route is being started; try again.", (("Retry-After", str(RETRY_SECONDS)),))
NOT_READY = problem(503, "No scorer is ready; try again.", (("Retry-After", str(RETRY_SECONDS)),))
TOO_SLOW = problem(504, "The prediction took longer than this service allows.")
APP_TOO_SLOW = problem(504, "The process for this route did not finish the response in time.")

READY = Reply(200, b'{"status": "ready"}\n')
# For SageMaker, which requires an empty body, and MLflow.
PONG = Reply(200, b"", "text/plain")
V2_LIVE = Reply(200, b'{"live": true}\n')
V2_READY = Reply(200, b'{"ready": true}\n')
HEALTHY = Reply(200, b'{"status": "alive"}\n')


def unready(why: str) -> Reply:
    """Return the reply of a service that is not ready; `why` is the reason as a sentence."""
    detail = f"Not ready for predictions. {why}".strip()
    return problem(503, detail, (("Retry-After", str(RETRY_SECONDS)),))


_FIXED = {
    outcomes.DIED: DIED,
    outcomes.FULL: FULL,
    outcomes.NOT_READY: NOT_READY,
    outcomes.TOO_SLOW: TOO_SLOW,
}


class Disclosure(NamedTuple):
    """Which of the notebook's own messages clients may see: tracebacks, and messages of exceptions in validator."""

    tracebacks: bool = False
    messages: bool = True


def disclosure(settings: Settings) -> Disclosure:
    """Return the disclosure that the settings allow."""
    return Disclosure(settings.debug, settings.validator_messages)


def from_answer(answer: Answer, disclosure: Disclosure = Disclosure()) -> Reply:  # noqa: B008 - it can't be changed
    """Return the reply for the outcome of a sample, with as much from the notebook as `disclosure` allows."""
    if answer.outcome == outcomes.OK:
        return Reply(200, answer.payload)
    if answer.outcome == outcomes.FILE:
        return _of_file(answer)
    if answer.outcome in _FIXED:
        return _FIXED[answer.outcome]
    rejection = rejection_of(answer, disclosure)
    return rejected(rejection, _LATER if rejection.status == 503 else ())


def _of_file(answer: Answer) -> Reply:
    """Return the reply for a prediction that is a file. Browsers save types that they can't show under its name."""
    # Not at the top, because few predictions are files.
    from nb_scorer.model import binary

    content, media_type, name = binary.unpacked_answer(answer.payload)
    headers: tuple = (("Vary", "Accept"),)
    if name is not None:
        # An SVG may contain a program, which a browser would run as this service's own.
        kind = "inline" if media_type.startswith("image/") and media_type != "image/svg+xml" else "attachment"
        headers += (("Content-Disposition", f"{kind}; filename*=UTF-8''{quote(name, safe='')}"),)
    return Reply(200, content, media_type, headers)


def from_answer_to_many(answer: Answer, disclosure: Disclosure = Disclosure()) -> Reply:  # noqa: B008 - the same
    """Return the reply for the outcome of an array of samples, including which sample failed."""
    index = index_of(answer)
    if index is None:
        return from_answer(answer, disclosure)
    rejection = rejection_of(answer, disclosure)
    detail = f"Sample {index + 1}: {rejection.detail}"
    headers = _LATER if rejection.status == 503 else ()
    return rejected(rejection._replace(detail=detail, errors=within(index, rejection.errors)), headers)


def rejection_of(answer: Answer, disclosure: Disclosure = Disclosure()) -> Rejection:  # noqa: B008 - the same
    """Return why a sample with this outcome gets no prediction, including notebook messages that are allowed."""
    fixed = _FIXED.get(answer.outcome)
    if fixed is not None and fixed.rejection is not None:
        return fixed.rejection
    facts = json.loads(answer.payload)
    status, detail = answer_words.describe(answer.outcome, facts, disclosure.messages)
    traceback = (facts.get("traceback") or "") if disclosure.tracebacks else ""
    return Rejection(status, detail, facts.get("errors", ()), traceback)


def within(index: int, errors: Sequence[dict]) -> list[dict]:
    """Return a sample's `errors` with pointers into the array that contains the sample at `index`."""
    return [{**error, "pointer": f"#/{index}{error['pointer'][1:]}"} for error in errors]


def index_of(answer: Answer) -> int | None:
    """Return the index of the failed sample in an array; None if the scorer did not report it."""
    if answer.outcome not in (outcomes.REFUSED, outcomes.FAILED):
        return None
    return json.loads(answer.payload).get("index")


def rejection_of_body(content_type: str | None, body: bytes) -> Reply | None:
    """Return the rejection of a body of this type as a sample, or None if it is accepted."""
    if content_type is not None and content_type != JSON_TYPE and not is_json(content_type):
        return NO_JSON_HEADER
    return None if body else EMPTY


def is_json(content_type: str) -> bool:
    """Return whether a Content-Type is JSON in UTF-8."""
    kind, *parameters = [part.strip().lower() for part in content_type.split(";")]
    charsets = [part[8:].strip('"') for part in parameters if part.startswith("charset=")]
    if any(charset not in ("utf-8", "utf8", "us-ascii") for charset in charsets):
        return False
    return kind in ("", JSON_TYPE) or (kind.startswith("application/") and kind.endswith("+json"))
