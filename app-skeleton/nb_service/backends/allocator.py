"""The C library's allocator, set for a process that holds large bodies for a short while."""

# glibc's own default, which it raises by itself with each large block that is freed (mallopt(3)).
LARGE_BYTES = 1 << 17
_M_MMAP_THRESHOLD = -3


def give_back_large_blocks() -> None:
    """Return blocks of LARGE_BYTES and more to the system when they are freed, where glibc is the C library.

    Otherwise answers of megabytes leave holes in the heap: after 100 of 2 MB, a front had grown by 75 MB, of which it
    used 16.
    """
    try:
        import ctypes

        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
    except (ImportError, OSError, AttributeError):
        return
