"""Real services are swapped behind the forwarder of `nb-builder dev`, under load: only answers show it."""

import asyncio
import http.client
import itertools
import json
import socket
import threading

import pytest
from nb_builder.commands.dev.forwarder import Forwarder

from contract.services import JSON, SOON

# At least: clients ask until both are reached, however fast the machine is.
REQUESTS = 4_000
SWAPS = 4
CLIENTS = 8
NOTEBOOK = """
    def predictor(x):
        return x + {step}
    examples = [1]
"""
STEPS = (1000, 2000)


@pytest.fixture
def forwarder():
    """Return a forwarder whose loop runs in a thread, and what has that thread call something."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    made = Forwarder()

    def call(function, *arguments):
        async def work():
            result = function(*arguments)
            return await result if asyncio.iscoroutine(result) else result

        return asyncio.run_coroutine_threadsafe(work(), loop).result(SOON)

    call(made.listen, socket.create_server(("127.0.0.1", 0)))
    yield made, call
    call(made.stop_accepting)
    call(made.close)
    # The connections' own ends.
    call(asyncio.sleep, 0.1)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(SOON)
    loop.close()


class Clients:
    """Ask again and again: some on a kept connection, some on a new one each time, some with pauses between."""

    def __init__(self, port):
        self.port = port
        self.numbers = itertools.count()
        self.lost = []
        self.steps = []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(number,)) for number in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        """Ask no more, and wait for the last answers."""
        self.over.set()
        for thread in self.threads:
            thread.join(120)

    def _run(self, mine):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SOON)
        while not self.over.is_set():
            number = next(self.numbers)
            if mine % 2:
                connection.close()
            if mine % 4 == 2:
                # Longer than a service lingers: a kept connection is idle when its service ends.
                self.over.wait(1.3)
            try:
                connection.request("POST", "/predict", json.dumps(number % 1000), JSON)
                answer = connection.getresponse()
                step = json.loads(answer.read()) - number % 1000
                if answer.status != 200 or step not in STEPS:
                    self.lost.append((number, answer.status))
                self.steps.append(step)
            except (OSError, http.client.HTTPException) as trouble:
                self.lost.append((number, repr(trouble)))
                connection.close()
        connection.close()


def test_services_are_swapped_without_a_lost_request(start, forwarder):
    made, call = forwarder
    notebooks = itertools.cycle(NOTEBOOK.format(step=step) for step in STEPS)
    service = start(next(notebooks)).ready()
    call(made.point_at, service.port)
    clients = Clients(made.port)
    try:
        for swap in itertools.count(1):
            service, old = start(next(notebooks)).ready(), service
            call(made.point_at, service.port)
            assert old.stop() == 0
            if swap >= SWAPS and len(clients.steps) >= REQUESTS:
                break
    finally:
        clients.stop()
    assert clients.lost == []
    assert len(clients.steps) >= REQUESTS and set(clients.steps) == set(STEPS)
