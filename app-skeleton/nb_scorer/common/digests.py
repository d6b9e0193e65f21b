"""Digests of files, which may be larger than the memory."""

import hashlib
import io

_BLOCK_BYTES = 1 << 20


def sha256_of(path, count=lambda size: None):
    """Return the SHA-256 of the file at `path` in hexadecimal; `count` gets the size of each block that was read."""
    with io.open(path, "rb") as file:
        return sha256_of_rest(file, count)


def sha256_of_rest(file, count=lambda size: None):
    """Return the SHA-256, in hexadecimal, of what an open file still has to read; `count` is as above."""
    sha = hashlib.sha256()
    for block in iter(lambda: file.read(_BLOCK_BYTES), b""):
        sha.update(block)
        count(len(block))
    return sha.hexdigest()
