"""Process 1 of a container gets the processes whose parents have ended, and must collect them when they end, too."""

import os
from collections.abc import Container


def reap(own: Container[int | None]) -> None:
    """Where this is process 1, collect the children that have ended, until one of the processes in `own` is next.

    An exit status of one in `own` is for the Popen that started it, with the SIGCHLD to come.
    """
    while os.getpid() == 1:
        try:
            # WNOWAIT only looks.
            zombie = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if zombie is None or zombie.si_pid in own:
            return
        os.waitpid(zombie.si_pid, 0)
