"""Memory shared by front and scorer, where the scorer counts the samples that it has started."""

import fcntl
import os
from typing import BinaryIO

from nb_scorer.protocol.shared_counters import SIZE


def shared_memory(lanes: int = 1) -> BinaryIO:
    """Return a file for the shared counters of a scorer's links, in memory if the system supports that.

    In memory, its size is sealed: if predictor truncated the mapped file, reading it would kill the front (SIGBUS).
    """
    in_memory = hasattr(os, "memfd_create")
    fd = os.memfd_create("counters", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING) if in_memory else _unlinked()
    file = os.fdopen(fd, "w+b")
    try:
        file.truncate(SIZE * lanes)
        if in_memory:
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    except OSError:
        file.close()
        raise
    return file


def _unlinked() -> int:
    # Imported here, because only old systems without memfd_create need it.
    import tempfile

    fd, path = tempfile.mkstemp()
    os.unlink(path)
    return fd
