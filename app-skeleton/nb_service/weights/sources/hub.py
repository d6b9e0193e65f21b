"""hf://owner/repository@revision: Hugging Face, or the server in HF_ENDPOINT, with its library's credentials."""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

# Before the import, because the library reads them then; a service should use neither.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
if os.environ.get("HF_HUB_TOKEN"):
    # Hugging Face's own serving images use this name for the variable.
    os.environ.setdefault("HF_TOKEN", os.environ["HF_HUB_TOKEN"])

from huggingface_hub import HfApi, get_token, hf_hub_url

from nb_service.weights.sources import Remote
from nb_service.weights.sources.web import Reader


class Source:
    """The files of one revision, pinned to its commit."""

    def __init__(self, address: str, revision: str, seconds: float) -> None:
        parts = urlsplit(address)
        name, *below = [part for part in parts.path.split("/") if part]
        name, _, wanted = name.partition("@")
        self._repository = f"{parts.netloc}/{name}"
        self._below = "/".join(below)
        self.revision = revision or wanted
        self._seconds = seconds
        self._reader = Reader(seconds)

    def files(self) -> list[Remote]:
        """Return the files below the path; raise the library's errors or OSError."""
        info = HfApi().model_info(
            self._repository, revision=self.revision or None, files_metadata=True, timeout=self._seconds
        )
        self.revision = info.sha or self.revision
        prefix = f"{self._below}/" if self._below else ""
        return [
            Remote(
                each.rfilename.removeprefix(prefix),
                each.lfs.size if each.lfs else each.size,
                each.blob_id or "",
                hf_hub_url(self._repository, each.rfilename, revision=self.revision),
                each.lfs.sha256 if each.lfs else "",
            )
            for each in info.siblings or ()
            if each.rfilename.startswith(prefix)
        ]

    def blocks(self, remote: Remote, offset: int) -> Iterator[bytes]:
        """Yield the bytes from `offset` on. The version is not checked, because files of a commit never change."""
        token = get_token()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self._reader.blocks(remote._replace(version=""), offset, headers)
