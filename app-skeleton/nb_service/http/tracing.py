"""One OpenTelemetry span a request, where an endpoint is set and the extra `otel` is installed.

The loop notes plain facts and hands them over five times a second. A thread makes spans of them, so that no prediction
waits. The SDK reads all other settings (OTEL_…) from the environment itself.
"""

import queue
import threading
import time
from collections.abc import Callable
from importlib import util
from typing import TYPE_CHECKING, NamedTuple

from nb_service.identity import Identity

if TYPE_CHECKING:
    from nb_service.front.head import Request

MISSING = (
    "OTEL_EXPORTER_OTLP_ENDPOINT is set, and no spans are sent: nb-service[otel] is not installed here. "
    "A builder image that has it is made by: make build OTEL=1"
)
# How many requests may wait to become spans; beyond that they are only counted.
MOST_WAITING = 20_000
METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
_PARTS = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
_END = object()


class Facts(NamedTuple):
    """What is noted of a request."""

    ended: int  # nanoseconds since 1970
    seconds: float
    method: str
    path: str
    route: str | None
    status: int
    request_id: str
    trace: dict[str, str]


def is_here() -> bool:
    """Return whether the extra is installed, without importing it."""
    try:
        return all(util.find_spec(part) for part in _PARTS)
    except ModuleNotFoundError:
        return False


def make_spans(identity: Identity, say: Callable[[str], None]) -> "Spans | None":
    """Return the Spans of a model; None, after a line in the log by `say`, where the extra is missing."""
    if not is_here():
        say(MISSING)
        return None
    return Spans(identity, say)


class Spans:
    """Notes requests and has them exported; all but the constructor is for the loop's thread only."""

    def __init__(self, identity: Identity, say: Callable[[str], None]) -> None:
        self._identity = identity
        self._say = say
        self._pending: list[Facts] = []
        self._dropped = 0
        self._failure = ""
        self._disabled = False
        self._queue: queue.SimpleQueue = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def saw(self, request: "Request", status: int, took: float) -> None:
        """Note a request that was answered just now, after `took` seconds."""
        if self._disabled or len(self._pending) >= MOST_WAITING:
            self._dropped += not self._disabled
            return
        headers = request.headers
        trace = {name: headers.get(name, "") for name in ("traceparent", "tracestate")}
        target = (request.command, request.path, request.route)
        self._pending.append(Facts(time.time_ns(), took, *target, status, request.request_id, trace))

    def flush(self) -> None:
        """Hand over what was noted, unless the thread is still busy with the last batch."""
        if self._failure and not self._disabled:
            self._say(self._failure)
            self._disabled = True
            self._pending = []
        if self._pending and not self._queue.qsize():
            self._hand_over()

    def _hand_over(self) -> None:
        if self._thread is None:
            # Not before the first request: importing the SDK takes a while, which must not delay the start.
            self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
            self._thread.start()
        if self._dropped:
            self._say(f"({self._dropped} requests got no span: there were more than could be exported)")
            self._dropped = 0
        batch, self._pending = self._pending, []
        self._queue.put(batch)

    def close(self, seconds: float = 2.0) -> None:
        """Export what was noted; give up after `seconds` where the collector does not take it."""
        if self._pending:
            self._hand_over()
        if self._thread is not None:
            self._queue.put(_END)
            self._thread.join(seconds)

    def _run(self) -> None:
        try:
            export = Export(self._identity)
        except Exception as error:  # noqa: BLE001 - the SDK may raise anything for its own settings
            self._failure = f"No spans are sent: OpenTelemetry's SDK does not start ({type(error).__name__}: {error})."
            return
        while (batch := self._queue.get()) is not _END:
            for facts in batch:
                export.span(facts)
        export.close()


class Export:
    """The SDK, set up for one model: makes spans of facts, which it sends in batches."""

    def __init__(self, identity: Identity) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import SpanKind, Status, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        resource = Resource.create({"service.name": identity.name, "service.version": str(identity.version)})
        # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES are merged last, and so take precedence.
        self._provider = TracerProvider(
            resource=resource.merge(OTELResourceDetector().detect()), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("nb_service")
        self._parent = TraceContextTextMapPropagator().extract
        self._server = SpanKind.SERVER
        self._error = Status(StatusCode.ERROR)
        self._identity = identity

    def span(self, facts: Facts) -> None:
        """Make the span of a request, by OpenTelemetry's semantic conventions for HTTP."""
        method = facts.method if facts.method in METHODS else "_OTHER"
        attributes = {
            "http.request.method": method,
            "http.response.status_code": facts.status,
            "url.path": facts.path,
            "url.scheme": "http",
            "request.id": facts.request_id,
            "model.name": self._identity.name,
            "model.version": str(self._identity.version),
        }
        if facts.route:
            attributes["http.route"] = facts.route
        if facts.status >= 500:
            attributes["error.type"] = str(facts.status)
        name = "HTTP" if method == "_OTHER" else method
        span = self._tracer.start_span(
            f"{name} {facts.route}" if facts.route else name,
            context=self._parent(facts.trace),
            kind=self._server,
            attributes=attributes,
            start_time=facts.ended - int(facts.seconds * 1e9),
        )
        if facts.status >= 500:
            span.set_status(self._error)
        span.end(facts.ended)

    def close(self) -> None:
        """Send what waits, and shut the SDK down."""
        self._provider.shutdown()
