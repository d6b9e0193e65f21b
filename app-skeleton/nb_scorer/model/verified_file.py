"""A file with a known digest, of which only verified bytes are ever returned.

A file that is hashed and then read again may change in between, and a copy in memory would be a second model. So the
first pass records the state of the digest after each block, and the second returns a block only if the state is the
same, which is the SHA-256 of all bytes so far. Both passes read the same descriptor.
"""

import hashlib
import io

from nb_scorer.model.problems import ModelMissing, ModelNotAsSigned

BLOCK = 1 << 20


def content(path, digest):
    """Return the bytes of a small file; raise ModelNotAsSigned if their SHA-256 is not `digest`, or ModelMissing."""
    try:
        with io.open(str(path), "rb") as file:
            read = file.read()
    except (IOError, OSError):
        raise ModelMissing(path)
    if hashlib.sha256(read).hexdigest() != digest:
        raise ModelNotAsSigned(path)
    return read


def opened(path, digest):
    """Return a file to read from; raise ModelNotAsSigned if its SHA-256 is not `digest`, or ModelMissing.

    Reading raises ModelNotAsSigned, too, if the file has changed since.
    """
    try:
        file = io.open(str(path), "rb", buffering=0)  # noqa: SIM115 - closed by what is returned
    except (IOError, OSError):
        raise ModelMissing(path)
    try:
        return io.BufferedReader(_Verified(file, str(path), digest), BLOCK)
    except BaseException:
        file.close()
        raise


def _blocks(file):
    """Yield the rest of a file in blocks; all but the last are full, although a read may return less."""
    block = bytearray(BLOCK)
    size = 0
    while True:
        count = file.readinto(memoryview(block)[size:])
        size += count or 0
        if size == BLOCK or (size and not count):
            yield memoryview(block)[:size]
            size = 0
        if not count:
            return


class _Verified(io.RawIOBase):
    """The second pass; the constructor does the first."""

    def __init__(self, file, path, digest):
        self._file = file
        self._path = path
        sha = hashlib.sha256()
        self._states = []
        for block in _blocks(file):
            sha.update(block)
            self._states.append(sha.copy().digest())
        if sha.hexdigest() != digest:
            raise ModelNotAsSigned(path)
        file.seek(0)
        self._blocks = _blocks(file)
        self._sha = hashlib.sha256()
        self._given = 0  # blocks returned so far
        self._rest = memoryview(b"")

    def fileno(self):
        """Return the descriptor."""
        return self._file.fileno()

    def readable(self):
        """Return True, because it is for reading."""
        return True

    def readinto(self, buffer):
        """Fill `buffer` from the current block; return the number of bytes, 0 at the end."""
        if not self._rest:
            self._rest = self._next()
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def _next(self):
        """Return the next block, verified against the first pass; an empty one at the end."""
        block = next(self._blocks, memoryview(b""))
        is_there = self._given < len(self._states)
        if bool(block) != is_there:
            raise ModelNotAsSigned(self._path)
        if block:
            self._sha.update(block)
            if self._sha.copy().digest() != self._states[self._given]:
                raise ModelNotAsSigned(self._path)
            self._given += 1
        return block

    def close(self):
        """Close the file."""
        self._file.close()
        io.RawIOBase.close(self)
