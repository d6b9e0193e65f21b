"""Memory that front and scorer share, in which the scorer counts the samples that it has started."""

import os
from typing import BinaryIO

from nb_scorer.protocol.shared_counters import SIZE


def shared_memory() -> BinaryIO:
    """Return a file of the size of the shared counters, in memory where the system supports that."""
    fd = os.memfd_create("counters") if hasattr(os, "memfd_create") else _unlinked()
    file = os.fdopen(fd, "w+b")
    try:
        file.truncate(SIZE)
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
