"""Digests of files, which may be larger than memory."""

import hashlib
import io

_BLOCK_BYTES = 1 << 20


def sha256_of(path, count=lambda size: None):
    """Return the SHA-256 of the file at `path` in hexadecimal; `count` is called with the size of each block read."""
    with io.open(path, "rb") as file:
        return sha256_of_rest(file, count)


def sha256_of_rest(file, count=lambda size: None):
    """Return the SHA-256 of the rest of an open file in hexadecimal; `count` as in sha256_of."""
    sha = hashlib.sha256()
    for block in iter(lambda: file.read(_BLOCK_BYTES), b""):
        sha.update(block)
        count(len(block))
    return sha.hexdigest()
