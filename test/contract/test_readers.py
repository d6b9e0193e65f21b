"""Clients that take their answers slowly, or not at all."""

import socket
import time

from contract.services import connections, wait_until
from contract.test_trouble import NOTEBOOK, whole


def ask_for_much(service) -> socket.socket:
    """Return a connection on which a large answer waits."""
    client = socket.create_connection(("127.0.0.1", service.port), timeout=20)
    client.sendall(whole("/predict", b'"%s"' % (b"x" * 10_000_000)))
    client.recv(1)
    return client


def test_who_takes_nothing_of_its_answer_is_hung_up_on_in_the_end(start):
    service = start(NOTEBOOK, S2I_RECEIVE_TIMEOUT="1").ready()
    before = connections(service)
    with ask_for_much(service):
        assert connections(service) > before
        assert wait_until(lambda: connections(service) <= before)
    assert service.predict("after") == (200, "after")


def test_who_takes_its_answer_slowly_gets_all_of_it(start):
    service = start(NOTEBOOK, S2I_RECEIVE_TIMEOUT="1").ready()
    with ask_for_much(service) as client:
        taken = b""
        for _ in range(15):
            time.sleep(0.2)
            taken += client.recv(500_000)
        while not taken.endswith(b'x"'):
            taken += client.recv(1 << 20)
    assert len(taken.partition(b"\r\n\r\n")[2]) == 10_000_002
