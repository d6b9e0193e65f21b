"""Follow a stream with httpx-sse; print its events. Argument: the address."""

import json
import sys

import httpx
from httpx_sse import connect_sse

with httpx.Client() as client, connect_sse(client, "POST", sys.argv[1], json=2) as source:
    print(json.dumps([[event.event, event.data] for event in source.iter_sse()]))
