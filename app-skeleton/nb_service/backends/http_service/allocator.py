"""The C library's allocator, set for a process that holds large bodies for a short while."""

# glibc's own default, which it raises by itself with each large block that is freed (mallopt(3)).
LARGE_BYTES = 1 << 17
_M_MMAP_THRESHOLD = -3


def give_back_large_blocks() -> None:
    """Have blocks of LARGE_BYTES and more go back to the system when they are freed, where glibc is the C library.

    Else answers of megabytes leave holes in the heap: 100 of 2 MB raised a front by 75 MB, of which it held 16.
    """
    try:
        import ctypes

        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
    except (ImportError, OSError, AttributeError):
        return
