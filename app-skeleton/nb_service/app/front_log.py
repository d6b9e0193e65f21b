"""The log as an app has it that is alone: its lines go to the front, which writes the one log of the service."""

import threading

from nb_service.pool.client import PoolClient


class FrontLog:
    """Takes lines as Log does, and tells them to the front by the pool's socket.

    Not by stdout: what a predictor prints there may have no end yet, and the line would become part of it. For any
    thread; telling may wait for the front, and no request waits for that.
    """

    def __init__(self, client: PoolClient, *, as_json: bool) -> None:
        self.as_json = as_json
        self._client = client
        self._lines: list[str] = []
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Have `text` logged as a line."""
        self._client.tell({"say": text})

    def request(self, line: str) -> None:
        """Keep a line of the access log until `flush`."""
        with self._lock:
            self._lines.append(line)

    def flush(self) -> None:
        """Hand the lines that `request` kept to the front."""
        if lines := self._taken():
            self._client.tell({"lines": lines})

    def close(self) -> None:
        """Hand over the last lines, and return when the front has them: then this process may end."""
        self._client.ask_front({"lines": self._taken()})

    def _taken(self) -> list[str]:
        with self._lock:
            lines, self._lines = self._lines, []
        return lines
