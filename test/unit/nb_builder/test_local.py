"""How `make run` finds its port."""

import io
import socket

from nb_builder import local
from nb_builder.log import Log


def test_a_taken_port_is_left_to_its_owner(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        stream = io.StringIO()
        free = local._free_port(port, Log(stream))
    assert free > port
    assert f"port {port} is taken; {free} is used instead." in stream.getvalue()
