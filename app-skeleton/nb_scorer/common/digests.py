"""Digests of files, which may be larger than the memory."""

import hashlib
import io

_BLOCK_BYTES = 1 << 20


def sha256_of(path):
    """Return the SHA-256 of the file at `path` in hexadecimal."""
    with io.open(path, "rb") as file:
        return sha256_of_rest(file)


def sha256_of_rest(file):
    """Return the SHA-256, in hexadecimal, of what an open file still has to read."""
    sha = hashlib.sha256()
    for block in iter(lambda: file.read(_BLOCK_BYTES), b""):
        sha.update(block)
    return sha.hexdigest()
