"""The door between Flask and the wire formats: bodies in, refusals and answers out."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Response, request

from nb_service.http import replies
from nb_service.http.health import Health
from nb_service.http.replies import Reply
from nb_service.identity import Identity
from nb_service.model_folder import ModelFolder
from nb_service.pool import Answer
from nb_service.pool import answer as outcomes
from nb_service.pool.client import PoolClient
from nb_service.protocols import Body, Limits, Malformed, Question, Series
from nb_service.protocols.rows import Rows
from nb_service.settings import Settings

# So many samples of a body are scored in one call of batch_predictor; the scorers share what is more.
TOGETHER = 1000

Refusal = Callable[[int, str], tuple[int, Body]]


@dataclass(frozen=True)
class Door:
    """What every route needs: who answers, what is served, and the settings."""

    asker: PoolClient
    model: ModelFolder
    identity: Identity
    health: Health
    settings: Settings
    numbers: Callable[[], dict] = dict

    @property
    def rows(self) -> Rows:
        """Return what makes samples of a table's rows."""
        # The notebook's own samples show it best; where there are none, its type hint says it.
        return Rows(self.model.manifest.get("sample_schema") or self.model.sample_schema)

    @property
    def limits(self) -> Limits:
        """Return how much one body may become."""
        return Limits(self.settings.max_samples, self.settings.max_body)

    @property
    def ready(self) -> bool:
        """Return whether predictions are answered."""
        return self.health.is_ready()

    def answer(self, read: Callable[[bytes], Question], refusal: Refusal) -> Response:
        """Return the answers to what `read` finds in the request's body, or the protocol's refusal."""
        try:
            question = read(body())
            return made(question.write(self._answers(question.samples)))
        except Malformed as wrong:
            if wrong.errors and refusal is problem:
                refusal = partial(problem, errors=wrong.errors)
            return refused(refusal, wrong.status, str(wrong))

    def _answers(self, samples: Series) -> Series:
        """Return the answers to `samples`; raise Malformed with what the first one that failed gets."""
        try:
            self._check_number(samples)
            if self.asker.together and samples.at_most > 1:
                parts = list(samples.parts(TOGETHER))
                return Series.joined(self._payloads(self.asker.ask_arrays([part.array for part in parts]), parts))
            return Series(self._payloads(self.asker.ask_many(samples.each), samples))
        except Malformed:
            raise
        except ValueError as wrong:
            # An array that nobody had read yet.
            raise Malformed(f"The body is not JSON: {wrong}.") from wrong

    def _check_number(self, samples: Series) -> None:
        if samples.at_most > self.limits.samples:
            self.limits.check_samples(len(samples))

    def _payloads(self, answers: list[Answer | None], asked: Sequence) -> list[bytes]:
        for number, answer in enumerate(answers):
            if answer is not None and answer.outcome != outcomes.OK:
                raise self._failure(answer, _place(asked, number, answer))
        payloads = [answer.payload for answer in answers if answer is not None]
        if len(payloads) != len(answers):
            raise RuntimeError("samples were left out, and none of the others failed")
        return payloads

    def _failure(self, answer: Answer, place: int | None) -> Malformed:
        """Return what the outcome of the sample at `place` is for the whole request."""
        facts = json.loads(replies.from_answer(answer, replies.shown(self.settings)).body)
        detail, errors = facts["detail"], facts.get("errors", ())
        if place is not None:
            errors = replies.within(place, errors)
            detail = f"Sample {place + 1}: {detail.replace('The body is not JSON', 'It is not JSON')}"
        detail = "\n".join([detail, *([facts["traceback"]] if "traceback" in facts else [])])
        return Malformed(detail, facts["status"], errors)


def _place(asked: Sequence, number: int, answer: Answer) -> int | None:
    """Return the place in the body of the sample that failed, if it is one of several and known."""
    if isinstance(asked, Series):
        return number if len(asked) > 1 else None
    index = replies.index_of(answer)
    return None if index is None else sum(len(part) for part in asked[:number]) + index


def body() -> bytes:
    """Return the body of the request; raise Malformed (415) for one that is compressed."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Malformed("Compressed bodies are not read.", 415)
    return request.get_data(cache=False)


def made(content: Body, status: int = 200) -> Response:
    """Return the response for a protocol's body."""
    return Response(content.data, status, list(content.headers), content_type=content.content_type)


def refused(refusal: Refusal, status: int, detail: str) -> Response:
    """Return the response of a protocol's refusal."""
    status, content = refusal(status, detail)
    response = made(content, status)
    if status == 503:
        response.headers["Retry-After"] = str(replies.RETRY_SECONDS)
    return response


def problem(status: int, detail: str, **more: Any) -> tuple[int, Body]:
    """Return our own refusal, for formats that have none."""
    reply = replies.problem(status, detail, **more)
    return status, Body(reply.body, reply.content_type)


def response_of(reply: Reply) -> Response:
    """Return the response for a reply that is at hand."""
    return Response(reply.body, reply.status, list(reply.headers), content_type=reply.content_type)
