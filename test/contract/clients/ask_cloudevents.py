"""Ask a service by CloudEvents, written and read by their SDK, in both modes."""

import json
import sys
import urllib.request

from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

attributes = {
    "id": "1",
    "source": "/here",
    "type": "sample",
    "specversion": "1.0",
    "datacontenttype": "application/json",
}
found = {}
for mode, written in (("binary", to_binary_event), ("structured", to_structured_event)):
    message = written(CloudEvent(attributes, [1, 2]))
    with urllib.request.urlopen(urllib.request.Request(sys.argv[1], message.body, message.headers)) as said:
        headers = dict(said.headers)
        event = from_http_event(HTTPMessage(headers, said.read()))
    found[mode] = [
        event.get_data(),
        event.get_type(),
        event.get_source(),
        event.get_specversion(),
        event.get_id() != "1",
    ]
print(json.dumps(found))
