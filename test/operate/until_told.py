"""What load.py and load_grpc.py share: clients that ask until a line comes on stdin, and what became of it as JSON."""

import collections
import json
import sys
import threading
import time
from collections.abc import Iterator

CLIENTS = 8
# Maximum requests a second of each client.
RATE = 40.0


def turns(end: threading.Event) -> Iterator[None]:
    """Yield for each request of a client, at its rate, until it is stopped."""
    while not end.is_set():
        began = time.monotonic()
        yield
        time.sleep(max(0.0, began + 1 / RATE - time.monotonic()))


def ask(clients: list[threading.Thread], end: threading.Event, least: int) -> None:
    """Run clients until they are stopped and have `least` outcomes; print {outcome: count}."""
    for client in clients:
        client.start()
    sys.stdin.readline()
    while sum(len(client.outcomes) for client in clients) < least:
        time.sleep(0.1)
    end.set()
    for client in clients:
        client.join()
    print(json.dumps(collections.Counter(said for client in clients for said in client.outcomes)))
