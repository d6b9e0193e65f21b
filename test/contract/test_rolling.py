"""A rolling restart behind a balancer that follows /readyz: of 10,000 requests none is lost."""

import http.client
import itertools
import json
import threading
import time

from contract.notebooks import PLUS_ONE
from contract.services import JSON, SOON

REQUESTS = 10_000
CLIENTS = 8
CHECK_SECONDS = 0.1


class Balancer:
    """Knows which services are ready, as of a moment ago; a service that is not ready gets nothing new."""

    def __init__(self) -> None:
        self.services: list = []
        self.ready: list = []
        self._over = threading.Event()
        self._checker = threading.Thread(target=self._check)
        self._checker.start()

    def close(self) -> None:
        """Check no more."""
        self._over.set()
        self._checker.join(SOON)

    def _check(self) -> None:
        while not self._over.wait(CHECK_SECONDS):
            self.ready = [service for service in list(self.services) if is_ready(service)]


def is_ready(service) -> bool:
    """Return whether a service reports that it is ready."""
    try:
        return service.status("/readyz") == 200
    except OSError:
        return False


class Clients:
    """Ask through a balancer, each on a kept connection a service, without ever asking again."""

    def __init__(self, balancer: Balancer) -> None:
        self._balancer = balancer
        self._numbers = itertools.count()
        self.lost: list = []
        self.answered = 0
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    @property
    def over(self) -> bool:
        """Return whether all requests were made."""
        return not any(thread.is_alive() for thread in self._threads)

    def join(self) -> None:
        """Wait for all of them."""
        for thread in self._threads:
            thread.join(60)

    def _run(self) -> None:
        kept: dict = {}
        while (number := next(self._numbers)) < REQUESTS:
            ready = self._balancer.ready
            service = ready[number % len(ready)]
            connection = kept.setdefault(service, http.client.HTTPConnection("127.0.0.1", service.port, timeout=SOON))
            try:
                connection.request("POST", "/predict", json.dumps(number), JSON)
                answer = connection.getresponse()
                if (answer.status, json.loads(answer.read())) != (200, number + 1):
                    self.lost.append((number, answer.status))
                self.answered += 1
            except (OSError, http.client.HTTPException) as trouble:
                self.lost.append((number, repr(trouble)))
                kept.pop(service).close()
        for connection in kept.values():
            connection.close()


def test_a_rolling_restart_under_load_loses_no_request(start):
    balancer = Balancer()
    try:
        old = [start(PLUS_ONE).ready() for _ in range(2)]
        balancer.services += old
        until = time.monotonic() + SOON
        while len(balancer.ready) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        clients = Clients(balancer)
        restarts = 0
        while not clients.over:
            new = start(PLUS_ONE).ready()
            balancer.services.append(new)
            old.append(new)
            leaving = old.pop(0)
            assert leaving.stop() == 0
            balancer.services.remove(leaving)
            restarts += 1
        clients.join()
        assert clients.lost == []
        assert clients.answered == REQUESTS
        assert restarts >= 2
    finally:
        balancer.close()
