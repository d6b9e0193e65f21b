"""Controls the C library's allocator, for processes that hold large bodies briefly. It only affects glibc.

It also reports the process's memory use.
"""

import os
import resource
import sys

# glibc's own default, which it raises by itself with each large block that is freed (mallopt(3)).
LARGE_BYTES = 1 << 17
_M_MMAP_THRESHOLD = -3
_STATM = "/proc/self/statm"
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def give_back_large_blocks() -> None:
    """Return blocks of LARGE_BYTES or more to the system as soon as they are freed, from now on.

    Otherwise, responses of megabytes leave holes in the heap: after 100 of 2 MB, a front had grown by 75 MB, of which
    it used 16 MB.
    """
    _call("mallopt", _M_MMAP_THRESHOLD, LARGE_BYTES)


def give_back() -> None:
    """Return free memory to the system now (malloc_trim(3))."""
    _call("malloc_trim", 0)


def resident() -> int:
    """Return this process's resident memory in bytes (proc_pid_statm(5)); without /proc, its peak."""
    try:
        with open(_STATM, "rb") as file:
            return int(file.read().split()[1]) * _PAGE_BYTES
    except FileNotFoundError:
        # macOS counts bytes, other systems kilobytes.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _call(name: str, *arguments: int) -> None:
    try:
        # Imported here, because it takes a while, and a Python may be built without it.
        import ctypes

        getattr(ctypes.CDLL(None), name)(*arguments)
    except (ImportError, OSError, AttributeError):
        return
