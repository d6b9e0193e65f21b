"""s3://, gs:// and azure://: buckets, read with fsspec's file systems and the credentials that they find."""

import os
import posixpath
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import fsspec

from nb_service.weights.sources import Remote, Restarted

BLOCK = 8 << 20
_VERSIONS = ("ETag", "etag", "generation", "content_settings")


class Source:
    """The objects below a path, or the single object at this path."""

    def __init__(self, address: str, revision: str, seconds: float) -> None:
        parts = urlsplit(address)
        self.revision = revision
        path = parts.path.strip("/")
        if parts.scheme == "azure":
            self._files = _azure(parts.netloc, seconds)
            self._path = path
        else:
            self._files = _s3(seconds) if parts.scheme == "s3" else _gs(seconds)
            self._path = f"{parts.netloc}/{path}".rstrip("/")

    def files(self) -> list[Remote]:
        """Return the objects; raise the library's errors or OSError."""
        found = self._files.find(self._path, detail=True)
        if not found:
            raise FileNotFoundError(f"there is nothing at {self._path}")
        return [
            Remote(self._name(path), int(info["size"]), _version(info), path)
            for path, info in found.items()
            if info.get("type") == "file" and not path.endswith("/")
        ]

    def blocks(self, remote: Remote, offset: int) -> Iterator[bytes]:
        """Yield the bytes from `offset` on; raise Restarted if the object has changed."""
        if offset and _version(self._files.info(remote.address)) != remote.version:
            raise Restarted("the object has changed")
        size = remote.size or 0
        while offset < size:
            block = self._files.cat_file(remote.address, start=offset, end=min(offset + BLOCK, size))
            if not block:
                return
            offset += len(block)
            yield block

    def _name(self, path: str) -> str:
        return path.removeprefix(self._path).lstrip("/") or posixpath.basename(path)


def _version(info: dict) -> str:
    return str(next((info[name] for name in _VERSIONS if isinstance(info.get(name), (str, int))), ""))


def _s3(seconds: float) -> Any:
    # Some servers send the checksum of the whole object with a part of it. The content is verified against the lock
    # anyway.
    checks = {"response_checksum_validation": "when_required"}
    limits = {"connect_timeout": seconds, "read_timeout": seconds, "retries": {"max_attempts": 1}, **checks}
    return fsspec.filesystem("s3", config_kwargs=limits, skip_instance_cache=True, use_listings_cache=False)


def _gs(seconds: float) -> Any:
    # Otherwise gcsfs also asks Google, through gRPC, for the kind of the bucket, for which it may have no credentials.
    os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    # An emulator has no accounts, so the library does not look for one, which can take seconds.
    account = {"token": "anon"} if os.environ.get("STORAGE_EMULATOR_HOST") else {}
    return fsspec.filesystem("gs", timeout=seconds, **account, skip_instance_cache=True, use_listings_cache=False)


def _azure(account: str, seconds: float) -> Any:
    # Missing values are read from AZURE_STORAGE_…; without any key, from the machine's identity.
    limits = {"timeout": int(seconds), "skip_instance_cache": True, "use_listings_cache": False}
    return fsspec.filesystem("abfs", account_name=account, anon=False, **limits)
