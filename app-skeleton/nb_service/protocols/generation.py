"""Triton's generate extension and MLServer's streams: a text or tensors in, items in a stream or all at once out.

A body with `text_input` is the sample as a text; its parameters are in `parameters` or next to it. Any other body is an
inference request of Open Inference V2.
"""

import json
from collections.abc import Collection
from typing import Any

from nb_service.identity import Identity
from nb_service.protocols import Body, Malformed, Question, Series, decode, decode_object, encode
from nb_service.protocols.open_inference import parameters

PATHS = ("/generate", "/generate_stream", "/infer_stream")
TEXT_INPUT, TEXT_OUTPUT = "text_input", "text_output"
# The path determines whether the response is a stream; some clients repeat it in this field.
_STREAM = "stream"


def is_meant(body: bytes) -> bool:
    """Return whether a body may contain a text instead of tensors."""
    return f'"{TEXT_INPUT}"'.encode("ascii") in body


def read(body: bytes, served: Identity, declared: Collection[str] = ()) -> Question | None:
    """Return the sample of a body with a text; None for another body. Raise Malformed.

    `declared` are the names of predictor's parameters.
    """
    request = decode_object(body, lenient=True)
    if TEXT_INPUT not in request:
        return None
    text, request_id, given = request[TEXT_INPUT], request.get("id"), request.get("parameters", {})
    if not isinstance(text, str):
        raise Malformed(f"{TEXT_INPUT} is not a string.")
    if not isinstance(request_id, str | None):
        raise Malformed("id is not a string.")
    if not isinstance(given, dict):
        raise Malformed("parameters is not an object.")
    others = {name: value for name, value in request.items() if name not in (TEXT_INPUT, "id", "parameters")}
    given = {name: value for name, value in {**others, **given}.items() if name != _STREAM or name in declared}
    return Question(
        [encode(text)], lambda answers: _write(answers, request_id, served), parameters=parameters(given, declared)
    )


def rejection(status: int, detail: str) -> tuple[int, Body]:
    """Return status and body of a rejection."""
    return status, Body(encode({"error": detail}))


def event(body: Body) -> bytes:
    """Return the event with a response."""
    return b"data: " + body.data + b"\n\n"


def failed_event(problem: bytes) -> bytes:
    """Return the event that ends a stream with `problem`, which is JSON."""
    return b"data: " + encode({"error": json.loads(problem)["detail"]}) + b"\n\n"


def _write(answers: Series, request_id: str | None, served: Identity) -> Body:
    """Return the response with the prediction as a text; the strings of a stream are joined."""
    answer = decode(answers[0])
    is_of_strings = isinstance(answer, list) and all(isinstance(item, str) for item in answer)
    response: dict[str, Any] = {} if request_id is None else {"id": request_id}
    response.update(model_name=served.name, model_version=str(served.version))
    response[TEXT_OUTPUT] = "".join(answer) if is_of_strings else _text(answer, answers[0])
    return Body(encode(response))


def _text(answer: object, payload: bytes) -> str:
    return answer if isinstance(answer, str) else payload.decode("utf-8", "replace")
