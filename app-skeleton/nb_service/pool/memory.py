"""Memory that front and scorer share, in which the scorer counts the samples that it has started."""

import fcntl
import os
from typing import BinaryIO

from nb_scorer.protocol.shared_counters import SIZE


def shared_memory() -> BinaryIO:
    """Return a file of the size of the shared counters, in memory where the system supports that.

    There its size is sealed: reading a mapped file that predictor has made shorter would kill the front (SIGBUS).
    """
    in_memory = hasattr(os, "memfd_create")
    fd = os.memfd_create("counters", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING) if in_memory else _unlinked()
    file = os.fdopen(fd, "w+b")
    try:
        file.truncate(SIZE)
        if in_memory:
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    except OSError:
        file.close()
        raise
    return file


def _unlinked() -> int:
    # Imported here, so that only systems without memfd_create, which are old, spend the time.
    import tempfile

    fd, path = tempfile.mkstemp()
    os.unlink(path)
    return fd
