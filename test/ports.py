"""Ports for what the tests start.

A port that the kernel gives to a process that asks for any is free only while it is held: between asking and listening,
another test's client or broker may be given the same one. These lie below those that the kernel gives away (from 32768
on, as Linux has it by default), and each of pytest-xdist's workers has a part of its own.
"""

import itertools
import os
import socket

FIRST, PART, PARTS = 12_000, 1_300, 15
# Two runs next to each other have the same parts: each begins somewhere else.
_steps = itertools.count(os.getpid())


def free_port() -> int:
    """Return a free TCP port of 127.0.0.1, which is not returned again soon.

    Raises RuntimeError where this worker's part is full.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for _ in range(PART):
        port = FIRST + worker % PARTS * PART + next(_steps) % PART
        with socket.socket() as probe:
            # As servers do: a port whose last connections only wait for late packets is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                # Somebody's, such as a service of this machine.
                continue
        return port
    raise RuntimeError(f"all of {PART} ports are taken")
