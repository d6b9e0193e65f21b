"""Sends requests to a service until it is stopped, without retries; prints {outcome: count} as JSON.

Usage: load.py HOST PORT LEAST, stopped by a line on stdin once at least LEAST requests were sent. Half of the clients
keep their connections, half have a new one for each request.
"""

import http.client
import sys
import threading

import until_told

BODY, HEADERS = b"[0.2, 0.7]", {"Content-Type": "application/json"}


class Client(threading.Thread):
    """Asks, one request after the other."""

    def __init__(self, address, end, *, keeps):
        super().__init__()
        self.outcomes = []
        self._address, self._end, self._keeps = address, end, keeps

    def run(self):
        """Ask until stopped."""
        connection = http.client.HTTPConnection(*self._address, timeout=30)
        for _ in until_told.turns(self._end):
            try:
                connection.request("POST", "/predict", BODY, HEADERS)
                response = connection.getresponse()
                said = f"{response.status} {response.read().decode()}"
            except (OSError, http.client.HTTPException) as error:
                said = f"{type(error).__name__}: {error}"
            self.outcomes.append(said)
            if not self._keeps or not said.startswith("200"):
                connection.close()
        connection.close()


def main(host, port, least):
    """Send a request, and report its outcome."""
    end = threading.Event()
    address = (host, int(port))
    clients = [Client(address, end, keeps=bool(number % 2)) for number in range(until_told.CLIENTS)]
    until_told.ask(clients, end, int(least))


main(*sys.argv[1:])
