"""CloudEvents: an event with a sample in, an event with the prediction out, in the same content mode.

Used for HTTP and for message buses, whose message headers take the place of HTTP headers.
"""

import base64
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import NamedTuple
from urllib.parse import quote, unquote

from nb_service.files import NO_FILES, Files
from nb_service.protocols import DEFAULT, JSON_TYPE, Body, Limits, Malformed, Question, bodies, decode, encode

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
VERSION = "1.0"
REQUIRED = ("id", "source", "type", "specversion")
_KNOWN = {*REQUIRED, "time", "subject", "datacontenttype", "dataschema", "data", "data_base64"}


class Reply(NamedTuple):
    """The attributes of response events. With `merge`, responses also get the extensions of the request events.

    All responses get the attributes `carried`. `identified` returns an event's id from its position in a batch; without
    it, ids are random. `caused` adds the id of the request event as `causationid`.
    """

    type: str
    source: str
    merge: bool = False
    carried: tuple[str, ...] = ()
    identified: Callable[[int], str] = lambda _index: str(uuid.uuid4())
    caused: bool = False


def is_event(headers: Mapping[str, str], content_type: str | None) -> bool:
    """Return whether a request is an event, in any of the modes."""
    kind = bodies.parse(content_type).kind if content_type else ""
    return kind.startswith("application/cloudevents") or any(name.lower() == "ce-specversion" for name in headers)


def read(
    headers: Mapping[str, str],
    content_type: str | None,
    body: bytes,
    reply: Reply,
    limits: Limits = DEFAULT,
    files: Files = NO_FILES,
) -> Question:
    """Return the samples of an event, or of a batch of events; raise Malformed. `files` converts data in files."""
    kind = bodies.parse(content_type).kind
    if kind == BATCH:
        events = decode(body)
        if not isinstance(events, list):
            raise Malformed("A batch of events is a JSON array.")
        limits.check_samples(len(events))
        pairs = [_structured(event, files) for event in events]
        ids = [event["id"] for event, _ in pairs]
        return Question([sample for _, sample in pairs], lambda answers: _write_batch(pairs, answers, reply), ids)
    if kind == STRUCTURED:
        event, sample = _structured(decode(body), files)
        return Question([sample], lambda answers: _write_structured(event, answers[0], reply), [event["id"]])
    if kind.startswith("application/cloudevents"):
        raise Malformed(f"Events of type {kind} are not supported. Send events as JSON.", 415)
    in_json = files.sample_in_json(body, kind) if body else None
    event = _binary(headers, kind if in_json is None else JSON_TYPE, body)
    return Question([in_json or body], lambda answers: _write_binary(event, answers[0], reply), [event["id"]])


def _binary(headers: Mapping[str, str], kind: str, body: bytes) -> dict:
    attributes = {name.lower()[3:]: unquote(value) for name, value in headers.items() if name.lower().startswith("ce-")}
    _check(attributes)
    if kind != JSON_TYPE and not kind.endswith("+json"):
        raise Malformed("The event's data are not JSON; send a sample as JSON.", 415)
    if not body:
        raise Malformed("The event has no data; send a sample as JSON.")
    return attributes


def _structured(event: object, files: Files) -> tuple[dict, bytes]:
    """Return the attributes of an event, and its data as a sample."""
    if not isinstance(event, dict):
        raise Malformed("An event is a JSON object.")
    _check(event)
    if "data" in event:
        return event, encode(event["data"])
    if "data_base64" not in event:
        raise Malformed("The event has no data; send a sample as JSON.")
    try:
        data = base64.b64decode(event["data_base64"], validate=True)
    except (TypeError, ValueError) as error:
        raise Malformed("data_base64 is not base64.") from error
    return event, files.sample_in_json(data, str(event.get("datacontenttype", ""))) or data


def _check(event: Mapping) -> None:
    missing = [name for name in REQUIRED if not isinstance(event.get(name), str) or not event[name]]
    if missing:
        raise Malformed(f"The event lacks {', '.join(missing)}.")
    if event["specversion"] != VERSION:
        raise Malformed("Only events with specversion 1.0 are supported.")


def _attributes(event: Mapping, reply: Reply, index: int = 0) -> dict[str, object]:
    kept = {name: value for name, value in event.items() if name not in _KNOWN} if reply.merge else {}
    kept |= {name: event[name] for name in reply.carried if name in event}
    if reply.caused:
        kept["causationid"] = event["id"]
    return {
        **kept,
        "specversion": VERSION,
        "id": reply.identified(index),
        "source": reply.source,
        "type": reply.type,
        "time": datetime.now(timezone.utc).isoformat().replace("+00:00", "Z"),
        "datacontenttype": JSON_TYPE,
    }


def _write_structured(event: Mapping, answer: bytes, reply: Reply) -> Body:
    return Body(_event(event, answer, reply), STRUCTURED)


def _event(event: Mapping, answer: bytes, reply: Reply, index: int = 0) -> bytes:
    return encode(_attributes(event, reply, index))[:-1] + b', "data": ' + answer + b"}"


def _write_batch(pairs: list[tuple[dict, bytes]], answers: Iterable[bytes], reply: Reply) -> Body:
    both = enumerate(zip(pairs, answers, strict=True))
    events = [_event(event, answer, reply, index) for index, ((event, _), answer) in both]
    return Body(b"[" + b", ".join(events) + b"]", BATCH)


def _write_binary(event: Mapping, answer: bytes, reply: Reply) -> Body:
    attributes = _attributes(event, reply)
    kind = str(attributes.pop("datacontenttype"))
    return Body(answer, kind, tuple(("ce-" + name, header_value(value)) for name, value in attributes.items()))


def header_value(value: object) -> str:
    """Return an attribute's value for a header: `"`, `%` and everything except printable ASCII is percent-encoded."""
    text = value if isinstance(value, str) else json.dumps(value)
    return quote(text, safe="".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%'))
