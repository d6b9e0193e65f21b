"""One OpenTelemetry span per request or call, if an endpoint is set and the extra `otel` is installed.

The loop records plain facts, and passes them on five times a second. A thread creates spans from them, so that no
prediction waits. The SDK reads all other settings (OTEL_…) from the environment.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from importlib import util
from typing import TYPE_CHECKING, NamedTuple

from nb_service.identity import Identity

if TYPE_CHECKING:
    from nb_service.front.head import Request

MISSING = (
    "OTEL_EXPORTER_OTLP_ENDPOINT is set, but no spans are sent: nb-service[otel] is not installed. "
    "To build a builder image that includes it: nb-builder builder --otel"
)
# The number of requests that may wait to become spans; further ones are only counted.
MAX_WAITING = 20_000
# The time for the SDK to start if the service stops at once, in addition to the collector's time.
START_SECONDS = 10.0
METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
# gRPC status codes that mean a server error.
FAULTS = {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
_PARTS = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
_END = object()


class RequestFacts(NamedTuple):
    """The recorded facts of an HTTP request; its span follows OpenTelemetry's semantic conventions for HTTP."""

    ended: int  # nanoseconds since 1970
    seconds: float
    method: str
    path: str
    route: str | None
    status: int
    request_id: str
    trace: dict[str, str]

    @property
    def name(self) -> str:
        """The span's name."""
        method = self.method if self.method in METHODS else "HTTP"
        return f"{method} {self.route}" if self.route else method

    @property
    def is_fault(self) -> bool:
        """Whether the service caused the failure."""
        return self.status >= 500

    @property
    def attributes(self) -> dict[str, str | int]:
        """The span's attributes for the request."""
        attributes: dict[str, str | int] = {
            "http.request.method": self.method if self.method in METHODS else "_OTHER",
            "http.response.status_code": self.status,
            "url.path": self.path,
            "url.scheme": "http",
        }
        if self.route:
            attributes["http.route"] = self.route
        if self.is_fault:
            attributes["error.type"] = str(self.status)
        return attributes


class CallFacts(NamedTuple):
    """The recorded facts of a gRPC call; its span follows OpenTelemetry's semantic conventions for gRPC."""

    ended: int  # nanoseconds since 1970
    seconds: float
    path: str
    status: int
    code: str
    request_id: str
    trace: dict[str, str]

    @property
    def name(self) -> str:
        """The span's name."""
        return self.path[1:]

    @property
    def is_fault(self) -> bool:
        """Whether the service caused the failure."""
        return self.code in FAULTS

    @property
    def attributes(self) -> dict[str, str | int]:
        """The span's attributes for the call."""
        service, _, method = self.name.rpartition("/")
        attributes: dict[str, str | int] = {
            "rpc.system": "grpc",
            "rpc.service": service,
            "rpc.method": method,
            "rpc.grpc.status_code": self.status,
        }
        if self.is_fault:
            attributes["error.type"] = self.code
        return attributes


Facts = RequestFacts | CallFacts


def context_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the trace context in request headers or a call's metadata (W3C Trace Context)."""
    return {name: headers.get(name, "") for name in ("traceparent", "tracestate")}


def is_here() -> bool:
    """Return whether the extra `otel` is installed, without importing it."""
    try:
        return all(util.find_spec(part) for part in _PARTS)
    except ModuleNotFoundError:
        return False


def make_spans(identity: Identity, say: Callable[[str], None]) -> "Spans | None":
    """Return the Spans of a model, or None if the extra is missing, which is logged with `say`."""
    if not is_here():
        say(MISSING)
        return None
    return Spans(identity, say)


class Spans:
    """Records requests and exports them as spans; only the constructor may be called outside the loop's thread."""

    def __init__(self, identity: Identity, say: Callable[[str], None]) -> None:
        self._identity = identity
        self._say = say
        self._pending: list[Facts] = []
        self._dropped = 0
        self._failure = ""
        self._disabled = False
        self._queue: queue.SimpleQueue = queue.SimpleQueue()
        self._has_started = threading.Event()
        self._thread: threading.Thread | None = None

    def saw(self, request: "Request", status: int, took: float) -> None:
        """Record a finished request, which took `took` seconds."""
        if self._has_room():
            target = (request.command, request.path, request.route)
            trace = context_of(request.headers)
            self._pending.append(RequestFacts(time.time_ns(), took, *target, status, request.request_id, trace))

    def note(self, facts: Facts) -> None:
        """Keep these facts for a span, or count them as dropped if too many are waiting."""
        if self._has_room():
            self._pending.append(facts)

    def _has_room(self) -> bool:
        """Return whether one more span may wait; if not, count it as dropped."""
        if self._disabled:
            return False
        is_full = len(self._pending) >= MAX_WAITING
        self._dropped += is_full
        return not is_full

    def flush(self) -> None:
        """Pass the recorded facts to the thread, unless it is still busy with the last batch."""
        if self._failure and not self._disabled:
            self._say(self._failure)
            self._disabled = True
            self._pending = []
        if self._pending and not self._queue.qsize():
            self._hand_over()

    def _hand_over(self) -> None:
        if self._thread is None:
            # The thread starts with the first request, because importing the SDK is slow and must not delay the start.
            self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
            self._thread.start()
        if self._dropped:
            self._say(f"({self._dropped} requests got no span: there were more than could be exported)")
            self._dropped = 0
        batch, self._pending = self._pending, []
        self._queue.put(batch)

    def close(self, seconds: float = 2.0) -> None:
        """Export the recorded facts; give up after `seconds` if the collector does not accept them."""
        if self._pending:
            self._hand_over()
        if self._thread is not None:
            self._queue.put(_END)
            self._has_started.wait(START_SECONDS)
            self._thread.join(seconds)

    def _run(self) -> None:
        try:
            export = Export(self._identity)
        except Exception as error:  # noqa: BLE001 - the SDK may raise anything for its own settings
            self._failure = f"No spans are sent: OpenTelemetry's SDK does not start ({type(error).__name__}: {error})."
            return
        finally:
            self._has_started.set()
        while (batch := self._queue.get()) is not _END:
            for facts in batch:
                export.span(facts)
        export.close()


class Export:
    """The SDK, configured for one model: converts facts to spans, and sends these in batches."""

    def __init__(self, identity: Identity) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import SpanKind, Status, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        resource = Resource.create({"service.name": identity.name, "service.version": str(identity.version)})
        # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES are merged last, so they take precedence.
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
        """Make the span of a request or a call."""
        span = self._tracer.start_span(
            facts.name,
            context=self._parent(facts.trace),
            kind=self._server,
            attributes={
                **facts.attributes,
                "request.id": facts.request_id,
                "model.name": self._identity.name,
                "model.version": str(self._identity.version),
            },
            start_time=facts.ended - int(facts.seconds * 1e9),
        )
        if facts.is_fault:
            span.set_status(self._error)
        span.end(facts.ended)

    def close(self) -> None:
        """Send pending spans, and shut the SDK down."""
        self._provider.shutdown()
