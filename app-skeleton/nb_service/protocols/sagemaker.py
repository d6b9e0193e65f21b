"""SageMaker: a single JSON sample, or many samples as CSV, JSON lines or npy, on /invocations."""

from collections.abc import Sequence

from nb_service.protocols import DEFAULT, JSON_TYPE, Body, Limits, Malformed, Question, Series, bodies, keyed
from nb_service.protocols.bodies import ContentType
from nb_service.protocols.rows import Rows

MAX_MEGABYTES = 100


def is_json(media_type: ContentType) -> bool:
    """Return whether a body of this type is one JSON document."""
    return media_type.kind in ("", JSON_TYPE) or (
        media_type.kind.startswith("application/") and media_type.kind.endswith("+json")
    )


def read(body: bytes, content_type: str | None, accept: str | None, rows: Rows, limits: Limits = DEFAULT) -> Question:
    """Return the samples of a body that is not MLflow's; raise Malformed.

    With Accept: application/json, the predictions for CSV or JSON lines are {"predictions": […]}.
    """
    media_type = bodies.parse(content_type)
    if is_json(media_type):
        return _one(body, accept, has_files=rows.files.has_answers)
    question = bodies.read(body, content_type, accept, rows, limits)
    if bodies.accepted(accept) == "json":
        return Question(question.samples, lambda answers: keyed(b"predictions", answers))
    return Question(question.samples, lambda answers: _bare(question.write(answers)))


def _one(body: bytes, accept: str | None, *, has_files: bool) -> Question:
    if not body:
        raise Malformed("The body is empty; send one sample as JSON.")
    if not has_files:
        # Rejects a request before its sample is scored. A prediction that is a file may have any type.
        bodies.writer(accept)

    def write(answers: Series) -> Body:
        writer = bodies.writer(accept)
        return _bare(writer(answers)) if writer else Body(answers[0])

    question = Question([body], write)
    question.may_be_file = has_files
    return question


def _bare(body: Body) -> Body:
    """Return a body without parameters in its media type, which SageMaker's table deserializer rejects."""
    return body._replace(content_type=body.content_type.partition(";")[0])


def execution_parameters(scorers: int, max_body: int, max_samples: int, samples: Sequence[bytes] = ()) -> dict:
    """Return the limits that a batch transform requests before it starts; `samples` are the notebook's, as JSON.

    They ensure that a payload of short lines has at most `max_samples` lines. A line of CSV is assumed to have half the
    length of the shortest known sample, and at least a digit and a line end.
    """
    payload = max_body
    if samples:
        payload = min(payload, max_samples * max(2, min(map(len, samples)) // 2))
    megabytes = max(1, min(MAX_MEGABYTES, payload >> 20))
    return {"MaxConcurrentTransforms": scorers, "BatchStrategy": "MultiRecord", "MaxPayloadInMB": megabytes}
