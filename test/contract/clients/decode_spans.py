"""Decode the requests to a collector, one file each; print the spans with their resource's attributes."""

import json
import sys
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status


def plain(attributes):
    """Return attributes as a dict."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def told(span, resource):
    """Return the content of a span."""
    return {
        "name": span.name,
        "kind": Span.SpanKind.Name(span.kind),
        "status": Status.StatusCode.Name(span.status.code),
        "trace": span.trace_id.hex(),
        "parent": span.parent_span_id.hex(),
        "milliseconds": (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6,
        "ended": span.end_time_unix_nano / 1e9,
        "attributes": plain(span.attributes),
        "resource": plain(resource.attributes),
    }


bodies = [path.read_bytes() for path in Path(sys.argv[1]).iterdir()]
groups = [group for body in bodies for group in ExportTraceServiceRequest.FromString(body).resource_spans]
print(
    json.dumps([told(span, group.resource) for group in groups for scope in group.scope_spans for span in scope.spans])
)
