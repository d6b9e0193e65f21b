"""Helpers of the pool's tests: turns of a loop, and a scorer's side of a link with scripted answers."""

import time

from nb_scorer.protocol import frames


def turn(loop, times: int = 2) -> None:
    """Deal with all that has come, and with what that leads to at once."""
    for _ in range(times):
        loop.call_soon(loop.stop)
        loop.run_forever()


def turn_until(loop, true, seconds: float = 20.0) -> bool:
    """Turn the loop until `true()`; return whether that came in time."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        turn(loop)
        time.sleep(0.001)
    return True


class FarEnd:
    """A scorer's end of a link: answers carry the numbers that follow each other."""

    def __init__(self, sock) -> None:
        self.sock = sock
        self.number = 0

    def say(self, status: int = frames.OK, payload: bytes = b"{}", seconds: float = 0.0) -> None:
        """Give the next answer."""
        self.sock.sendall(frames.answer(status, payload, self.number, seconds))
        self.number += 1

    def close(self) -> None:
        """End, as a scorer that died."""
        self.sock.close()
