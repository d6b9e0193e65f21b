"""The log of an app that runs without a front before it: its lines go to the front, which writes the service's log."""

import threading

from nb_service.pool.client import PoolClient


class FrontLog:
    """Accepts lines as Log does, and sends them to the front over the pool's socket.

    Not to stdout: if predictor has printed an incomplete line there, these lines would become part of it. Safe for any
    thread. Sending may wait for the front, but no request waits for that.
    """

    def __init__(self, client: PoolClient, *, as_json: bool) -> None:
        self.as_json = as_json
        self._client = client
        self._lines: list[str] = []
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Log `text` as a line."""
        self._client.notify({"say": text})

    def request(self, line: str) -> None:
        """Keep a line of the access log until `flush`."""
        with self._lock:
            self._lines.append(line)

    def flush(self) -> None:
        """Send the lines kept by `request` to the front."""
        if lines := self._taken():
            self._client.notify({"lines": lines})

    def close(self) -> None:
        """Send the last lines; return when the front has received them, so that this process may exit."""
        self._client.ask_front({"lines": self._taken()})

    def _taken(self) -> list[str]:
        with self._lock:
            lines, self._lines = self._lines, []
        return lines
