"""Message formats: samples in messages, and messages with predictions or the reason for an error.

A message is a sample as JSON, an array of samples (S2I_BUS_ARRAYS), a CloudEvent in either mode, or a batch of
CloudEvents.
"""

from collections.abc import Sequence
from functools import partial

from nb_service.backends.bus.brokers import Delivery, Outcome
from nb_service.http import replies
from nb_service.identity import Identity
from nb_service.pool import Answer
from nb_service.pool import answer as outcomes
from nb_service.protocols import Body, Malformed, Question, Series, cloud_events
from nb_service.protocols.limits import Limits
from nb_service.settings import Settings

# The reasons why a message gets no prediction, for its header REASON and the metrics.
MALFORMED, TOO_LARGE, REFUSED, FAILED, DIED, TOO_SLOW = (
    "malformed",
    "too-large",
    "refused",
    "failed",
    "died",
    "too-slow",
)
REASON, DETAIL, DELIVERIES = "x-error-reason", "x-error-detail", "x-error-deliveries"
SAMPLE_ID = "x-sample-id"
# Headers that may contain a message's own id, in order of preference.
IDS = (SAMPLE_ID, "ce-id", "message-id", "id")
# Headers and properties, in addition to the key, that are copied from a sample to its prediction: they identify the
# sample, trace or conversation.
CARRIED = (
    "traceparent",
    "tracestate",
    "correlation-id",
    "correlationid",
    "x-correlation-id",
    "x-request-id",
    "subject",
    "key",
    "partitionkey",
)
CARRIED_ATTRIBUTES = ("subject", "traceparent", "tracestate", "correlationid", "partitionkey")
MAX_DETAIL = 1000
# Limits for the number and size of a message's headers in an error message: some brokers reject more, at every attempt.
MAX_HEADERS, MAX_OF_HEADERS = 200, 32 << 10
_REASONS = {
    outcomes.NOT_JSON: MALFORMED,
    outcomes.REFUSED: REFUSED,
    outcomes.FAILED: FAILED,
    outcomes.DIED: DIED,
    outcomes.TOO_SLOW: TOO_SLOW,
}


class Messages:
    """Reads and creates the messages of a model's bus."""

    def __init__(self, settings: Settings, identity: Identity) -> None:
        self._limits = Limits(settings.max_samples, settings.max_body)
        self._disclosure = replies.disclosure(settings)
        self._model = {name.lower(): value for name, value in identity.headers}
        self._type = settings.ce_type
        self._source = settings.ce_source or f"io.kserve.inference.{identity.name}"
        self._merge = settings.ce_merge

    def read(self, delivery: Delivery) -> Question:
        """Return the samples of a message; raise Malformed, with status 413 if it is too large."""
        headers, body = delivery.headers, delivery.body
        if len(body) > self._limits.body:
            raise Malformed("The message is larger than this service accepts (S2I_MAX_BODY).", 413)
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise Malformed("Compressed messages are not supported.", 415)
        kind = headers.get("content-type") or None
        if cloud_events.is_event(headers, kind):
            reply = cloud_events.Reply(
                self._type, self._source, self._merge, CARRIED_ATTRIBUTES, partial(_event_id, delivery), caused=True
            )
            return cloud_events.read(headers, kind, body, reply, self._limits)
        if kind is not None and not replies.is_json(kind):
            raise Malformed(f"Messages of type {kind} are not supported; send a sample as JSON.", 415)
        if not body:
            raise Malformed("The message is empty; send one sample as JSON.")
        return Question([body], _as_it_is)

    def answered(self, delivery: Delivery, question: Question, answers: Sequence[bytes]) -> Outcome:
        """Return the message with the predictions; raise Malformed if its format can't represent them."""
        content = question.write(answers)
        headers = {"content-type": content.content_type, **self._own_headers(delivery, question)}
        headers |= {name: header_text(delivery.headers[name]) for name in CARRIED if name in delivery.headers}
        headers |= {name.lower(): value for name, value in content.headers}
        return Outcome(delivery, False, content.data, headers)

    def rejected(self, delivery: Delivery, reason: str, detail: str, question: Question | None = None) -> Outcome:
        """Return an error message: the original with the reason in its headers."""
        headers = _bounded({name: header_text(value) for name, value in delivery.headers.items()})
        if len(headers) < len(delivery.headers):
            detail += " Some of its headers are left out, because there are too many, or they are too large."
        headers |= self._own_headers(delivery, question)
        headers |= {REASON: reason, DETAIL: header_text(detail), DELIVERIES: str(delivery.deliveries)}
        return Outcome(delivery, True, delivery.body, headers)

    def failed(self, delivery: Delivery, answer: Answer, question: Question, index: int | None = None) -> Outcome:
        """Return an error message for a failed outcome; `index` is that of its sample, None for the only one."""
        detail = replies.rejection_of(answer, self._disclosure).detail.replace("The body is not JSON", "It is not JSON")
        if index is not None:
            detail = f"Sample {index + 1}: {detail}"
        return self.rejected(delivery, _REASONS[answer.outcome], detail, question)

    def _own_headers(self, delivery: Delivery, question: Question | None) -> dict[str, str]:
        return {**self._model, SAMPLE_ID: header_text(_sample_id(delivery, question))}


def size_of(outcome: Outcome) -> int:
    """Return a message's approximate size in bytes: body, headers and overhead."""
    headers = outcome.headers
    return len(outcome.body) + sum(map(len, headers)) + sum(map(len, headers.values())) + 4 * len(headers)


def without_body(outcome: Outcome) -> Outcome:
    """Return an error message without the original body, for brokers that reject its size."""
    detail = outcome.headers[DETAIL] + " The message itself is left out, because it would be too large with its reason."
    return outcome._replace(body=b"", headers={**outcome.headers, DETAIL: detail})


def without_headers(outcome: Outcome) -> Outcome:
    """Return an error message with only the service's own headers."""
    theirs = {name for name in outcome.delivery.headers if name not in (REASON, DETAIL, DELIVERIES, SAMPLE_ID)}
    return outcome._replace(headers={name: value for name, value in outcome.headers.items() if name not in theirs})


def _bounded(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers, without the longest ones if a broker might not accept all of them and a reason."""
    kept, size = set(), 0
    for name in sorted(headers, key=lambda name: len(name) + len(headers[name]))[:MAX_HEADERS]:
        size += len(name) + len(headers[name])
        if size > MAX_OF_HEADERS:
            break
        kept.add(name)
    return {name: value for name, value in headers.items() if name in kept}


def header_text(text: str) -> str:
    """Return `text` as a header's value: one line of printable ASCII, with escapes for other characters, shortened."""
    if len(text) <= MAX_DETAIL and text.isascii() and text.isprintable():
        return text
    ascii_text = text.encode("ascii", "backslashreplace").decode("ascii")
    line = " ".join("".join(character if " " <= character <= "~" else " " for character in ascii_text).split())
    return line if len(line) <= MAX_DETAIL else line[: MAX_DETAIL - 4] + " ..."


def _as_it_is(answers: Series) -> Body:
    return Body(answers[0])


def _event_id(delivery: Delivery, index: int) -> str:
    """Return the id of the event with a prediction: the same for each delivery of this message."""
    return f"{delivery.id}.{index}"


def _sample_id(delivery: Delivery, question: Question | None) -> str:
    """Return the sample's own id, or else the broker's."""
    ids = question.ids if question is not None else ()
    if len(ids) == 1:
        return ids[0]
    return next((delivery.headers[name] for name in IDS if delivery.headers.get(name)), delivery.id)
