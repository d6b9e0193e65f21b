"""Asks a service until told to stop, by clients that never ask twice; prints {what was said: how often} as JSON.

Usage: load.py HOST PORT LEAST, stopped by a line on stdin once at least so many requests were sent. Half of the clients
keep their connections, half have a new one for each request.
"""

import collections
import http.client
import json
import sys
import threading
import time

CLIENTS = 8
BODY, HEADERS = b"[0.2, 0.7]", {"Content-Type": "application/json"}
# Of each client, at most so many a second.
RATE = 40.0


class Client(threading.Thread):
    """Asks, one request after the other."""

    def __init__(self, address, end, *, keeps):
        super().__init__()
        self.outcomes = []
        self._address, self._end, self._keeps = address, end, keeps

    def run(self):
        """Ask until told to stop."""
        connection = http.client.HTTPConnection(*self._address, timeout=30)
        while not self._end.is_set():
            began = time.monotonic()
            try:
                connection.request("POST", "/predict", BODY, HEADERS)
                response = connection.getresponse()
                said = f"{response.status} {response.read().decode()}"
            except (OSError, http.client.HTTPException) as error:
                said = f"{type(error).__name__}: {error}"
            self.outcomes.append(said)
            if not self._keeps or not said.startswith("200"):
                connection.close()
            time.sleep(max(0.0, began + 1 / RATE - time.monotonic()))
        connection.close()


def main(host, port, least):
    """Ask, and say what became of it."""
    end = threading.Event()
    clients = [Client((host, int(port)), end, keeps=bool(number % 2)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    sys.stdin.readline()
    while sum(len(client.outcomes) for client in clients) < int(least):
        time.sleep(0.1)
    end.set()
    for client in clients:
        client.join()
    print(json.dumps(collections.Counter(said for client in clients for said in client.outcomes)))


main(*sys.argv[1:])
