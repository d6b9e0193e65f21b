"""Replies to clients: statuses, bodies and headers, and the text of every refusal."""

import json
from collections.abc import Sequence
from typing import NamedTuple

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


class Reply(NamedTuple):
    """A status, a body, its type, and further headers."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: tuple = ()


def problem(status: int, detail: str, headers: tuple = (), **more: object) -> Reply:
    """Return a refusal in the form of RFC 9457: title, status, and `detail`, a sentence."""
    body = {"type": "about:blank", "title": REASONS[status], "status": status, "detail": detail, **more}
    return Reply(status, json.dumps(body).encode("utf-8") + b"\n", PROBLEM_TYPE, headers)


# Below these paths, clients of TensorFlow Serving, KServe and Open Inference read a refusal from its key error alone.
_ERROR_PATHS = ("/v1/", "/v2/")


def in_form_of(path: str, reply: Reply) -> Reply:
    """Return `reply` as the protocol that `path` belongs to writes it; a refusal may have another form there."""
    if reply.content_type != PROBLEM_TYPE or not f"{path}/".startswith(_ERROR_PATHS):
        return reply
    body = {"error": json.loads(reply.body)["detail"]}
    return reply._replace(body=json.dumps(body).encode("utf-8") + b"\n", content_type=JSON_TYPE)


EMPTY = problem(400, "The body is empty; send one sample as JSON.")
NO_JSON_HEADER = problem(
    415,
    "Send the sample as JSON: curl -H 'Content-Type: application/json'. CSV and other tables go to /predict/batch.",
)
DIED = problem(500, "The process that worked on this sample ended before it answered.")
_LATER = (("Retry-After", str(RETRY_SECONDS)),)
FULL = problem(503, "More samples wait than this service takes (S2I_MAX_QUEUE); try again.", _LATER)
HELD = problem(503, "Requests and responses hold more bytes than this service takes (S2I_MAX_HELD); try again.", _LATER)
APP_FULL = problem(503, "More requests wait for other routes than /predict than this service takes; try again.", _LATER)
TOO_LARGE_WORDS = "The body is larger than this service accepts (S2I_MAX_BODY)."
TOO_LARGE = problem(413, TOO_LARGE_WORDS)
NO_HTTP2 = problem(505, "HTTP/2 is not spoken here.")
NO_APP = problem(
    503, "The process that answers this is being started; try again.", (("Retry-After", str(RETRY_SECONDS)),)
)
NOT_READY = problem(503, "No scorer is ready; try again.", (("Retry-After", str(RETRY_SECONDS)),))
TOO_SLOW = problem(504, "The prediction took longer than this service allows.")
APP_TOO_SLOW = problem(504, "The process that answers this did not finish the response in time.")

READY = Reply(200, b'{"status": "ready"}\n')
# For SageMaker, which wants an empty body, and MLflow.
PONG = Reply(200, b"", "text/plain")
V2_LIVE = Reply(200, b'{"live": true}\n')
V2_READY = Reply(200, b'{"ready": true}\n')
HEALTHY = Reply(200, b'{"status": "alive"}\n')


def unready(why: str) -> Reply:
    """Return the reply of a service that is not ready, for this reason (a sentence)."""
    detail = f"Not ready for predictions. {why}".strip()
    return problem(503, detail, (("Retry-After", str(RETRY_SECONDS)),))


_FIXED = {
    outcomes.DIED: DIED,
    outcomes.FULL: FULL,
    outcomes.NOT_READY: NOT_READY,
    outcomes.TOO_SLOW: TOO_SLOW,
}


class Disclosure(NamedTuple):
    """What clients may see of the notebook's own messages: tracebacks, and the messages of what validator raises."""

    tracebacks: bool = False
    messages: bool = True


def disclosure(settings: Settings) -> Disclosure:
    """Return what the settings allow clients to see."""
    return Disclosure(settings.debug, settings.validator_messages)


def from_answer(answer: Answer, disclosure: Disclosure = Disclosure()) -> Reply:  # noqa: B008 - it can't be changed
    """Return the reply for the outcome of a sample, with as much from the notebook as `disclosure` allows."""
    if answer.outcome == outcomes.OK:
        return Reply(200, answer.payload)
    if answer.outcome in _FIXED:
        return _FIXED[answer.outcome]
    facts = json.loads(answer.payload)
    status, sentence = answer_words.of(answer.outcome, facts, disclosure.messages)
    more = {"errors": facts["errors"]} if "misfit" in facts else {}
    if disclosure.tracebacks and facts.get("traceback"):
        more["traceback"] = facts["traceback"]
    return problem(status, sentence, **more)


def from_answer_to_many(answer: Answer, disclosure: Disclosure = Disclosure()) -> Reply:  # noqa: B008 - the same
    """Return the reply for the outcome of an array of samples; it names the one that failed."""
    reply = from_answer(answer, disclosure)
    index = index_of(answer)
    if index is None:
        return reply
    facts = json.loads(reply.body)
    facts["detail"] = f"Sample {index + 1}: {facts['detail']}"
    if "errors" in facts:
        facts["errors"] = within(index, facts["errors"])
    return reply._replace(body=json.dumps(facts).encode("utf-8") + b"\n")


def within(index: int, errors: Sequence[dict]) -> list[dict]:
    """Return a sample's `errors` with pointers into the array of samples, in which it is at `index`."""
    return [{**error, "pointer": f"#/{index}{error['pointer'][1:]}"} for error in errors]


def index_of(answer: Answer) -> int | None:
    """Return the index of the sample in an array that failed; None where the scorer did not say."""
    if answer.outcome not in (outcomes.REFUSED, outcomes.FAILED):
        return None
    return json.loads(answer.payload).get("index")


def refusal_of_body(content_type: str | None, body: bytes) -> Reply | None:
    """Return the refusal of a body of this type as a sample, or None where it is accepted."""
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
