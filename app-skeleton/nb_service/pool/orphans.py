"""Reaps orphans: process 1 of a container becomes the parent of processes whose parents have exited."""

import os
from collections.abc import Container


def reap(own: Container[int | None]) -> None:
    """As process 1, reap exited children, up to the first one that is in `own`.

    A process in `own` is reaped by the Popen that started it, at the next SIGCHLD.
    """
    while os.getpid() == 1:
        try:
            # WNOWAIT leaves the exit status in place.
            zombie = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if zombie is None or zombie.si_pid in own:
            return
        os.waitpid(zombie.si_pid, 0)
