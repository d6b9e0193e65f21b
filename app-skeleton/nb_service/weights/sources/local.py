"""file:// and pvc://: a file or folder on this machine; pvc://claim/path is on a mounted volume.

KServe mounts the path itself at /mnt/models, where a service looks for weights before it opens their source. In a
build, and on other platforms, the volume must be mounted at /mnt/pvc/claim.
"""

import os
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from nb_service.weights.sources import Remote

BLOCK = 1 << 20
CLAIMS = "/mnt/pvc"


class Source:
    """Lists the regular files below a path; follows links only if they lead to files."""

    def __init__(self, address: str, revision: str, seconds: float) -> None:
        self.revision = revision
        parts = urlsplit(address)
        self._path = unquote(parts.path)
        self._claim = ""
        if parts.scheme == "pvc":
            self._claim = os.path.join(CLAIMS, parts.netloc)
            self._path = self._claim + self._path

    def files(self) -> list[Remote]:
        """Return the files; raise OSError."""
        if self._claim and not os.path.isdir(self._claim):
            raise FileNotFoundError(f"the volume is not mounted at {self._claim}, and its files not at /mnt/models")
        if not os.path.isdir(self._path):
            return [_remote(os.path.basename(self._path), self._path)]
        return [
            _remote(os.path.relpath(os.path.join(folder, name), self._path), os.path.join(folder, name))
            for folder, _, names in os.walk(self._path, onerror=_raise)
            for name in names
            if os.path.isfile(os.path.join(folder, name))
        ]

    def blocks(self, remote: Remote, offset: int) -> Iterator[bytes]:
        """Yield the bytes from `offset` on; raise OSError."""
        with open(remote.address, "rb") as file:
            file.seek(offset)
            while block := file.read(BLOCK):
                yield block


def _remote(name: str, path: str) -> Remote:
    status = os.stat(path)
    return Remote(name, status.st_size, str(status.st_mtime_ns), path)


def _raise(error: OSError) -> None:
    raise error
