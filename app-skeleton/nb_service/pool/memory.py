"""Memory that front and scorer share: where a scorer counts what it has started."""

import os
from typing import BinaryIO

from nb_scorer.protocol.shared_counters import SIZE


def shared_memory() -> BinaryIO:
    """Return a file of a tally's size that is in memory where the system can do that."""
    fd = os.memfd_create("tally") if hasattr(os, "memfd_create") else _unlinked()
    file = os.fdopen(fd, "w+b")
    try:
        file.truncate(SIZE)
    except OSError:
        file.close()
        raise
    return file


def _unlinked() -> int:
    # Here and not above: where there is memfd_create, which is everywhere but on old systems, nobody waits for it.
    import tempfile

    fd, path = tempfile.mkstemp()
    os.unlink(path)
    return fd
