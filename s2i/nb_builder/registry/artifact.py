"""A model file as an OCI artifact: a manifest with the file as its only layer.

oras implements the protocol. This module compares all received data with its digest, and the manifest with the
requested one, and transfers large files in chunks.
"""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nb_scorer.zipapp import layout
from nb_scorer.zipapp.carried import Carried

from nb_builder.common import digests
from nb_builder.registry.problems import ReferenceInvalid, RegistryFailed

if TYPE_CHECKING:
    from oras.client import OrasClient
    from oras.container import Container

ARTIFACT = "application/vnd.nb-builder.model.v1"
LAYER = "application/vnd.nb-builder.model.v1+zip"
CONFIG = "application/vnd.nb-builder.model.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
TITLE = "org.opencontainers.image.title"
# Maximum bytes of a model file, because a manifest could claim anything.
MAX_MODEL = 64 << 30
# nb-builder's manifests have about a kilobyte; a registry may send anything.
MAX_MANIFEST = 1 << 20
# Larger files are sent in chunks, which not all registries accept: oras reads single uploads into memory.
AT_ONCE = 16 << 20
# Seconds to wait for a first response.
TIMEOUT = 30
_LOCAL = frozenset(("localhost", "127.0.0.1", "[::1]"))


def push(path: Path, reference: str) -> str:
    """Push the file at `path` to `reference`, registry/name:tag; return the reference by digest.

    The same file has the same digest in every registry. Raises ZipappDamaged, ReferenceInvalid or RegistryFailed.
    """
    with Carried(str(path)) as carried:
        facts = carried.content(layout.FACTS)
        name = carried.facts["name"]
    with _client(reference) as (client, container), tempfile.NamedTemporaryFile() as config:
        config.write(facts)
        config.flush()
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": ARTIFACT,
            "config": _blob(client, container, Path(config.name), CONFIG),
            "layers": [{**_blob(client, container, path, LAYER), "annotations": {TITLE: name}}],
        }
        response = _checked(client.upload_manifest(manifest, container), reference)
        # The digest of the data that was sent, which the registry must report, too.
        digest = "sha256:" + hashlib.sha256(response.request.body).hexdigest()
        reported = response.headers.get("Docker-Content-Digest", digest)
    if reported != digest:
        raise RegistryFailed(reference=reference, reason=f"it stored {reported}, but {digest} was sent")
    return f"{container.registry}/{container.api_prefix}@{digest}"


def pull(reference: str, path: Path) -> str:
    """Write the model that `reference` names, by tag or @sha256:…, to `path`; return its reference by digest.

    The file is written completely, with the digest in its manifest, or not at all. Raises ReferenceInvalid or
    RegistryFailed.
    """
    with _client(reference) as (client, container):
        content = _manifest(client, container, reference)
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        if container.digest not in (None, digest):
            raise RegistryFailed(reference=reference, reason=f"its content has the digest {digest}")
        layer = _layer(content, reference)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as part:
            try:
                _download(client, container, layer, Path(part.name), reference)
                os.chmod(part.name, 0o755)  # noqa: S103 - a program, which others may run, too
                os.replace(part.name, path)
            except BaseException:
                os.unlink(part.name)
                raise
    return f"{container.registry}/{container.api_prefix}@{digest}"


@contextmanager
def _client(reference: str) -> Iterator[tuple["OrasClient", "Container"]]:
    """Yield a client and the place that `reference` names; errors of both are raised as RegistryFailed."""
    # oras is in its own environment, which `nb-builder push` and `nb-builder pull` create.
    import oras.client
    import requests

    host, _, rest = reference.partition("/")
    # As in engines, the first part is a host if it looks like one. There is no default registry.
    if not rest or not ("." in host or ":" in host or host == "localhost"):
        raise ReferenceInvalid(reference=reference)
    try:
        is_plain = re.sub(r":[0-9]+$", "", host) in _LOCAL and not _has_tls(host)
        # Checked once without oras, which retries for minutes: an unreachable host is reported immediately.
        asked = requests.get(f"http{'' if is_plain else 's'}://{host}/v2/", timeout=TIMEOUT, stream=True)
        with asked:
            # oras needs to be configured for one of the two login schemes that registries use.
            is_basic = asked.headers.get("WWW-Authenticate", "").lower().startswith("basic")
        backend = "basic" if is_basic else "token"
        client = oras.client.OrasClient(hostname=host, insecure=is_plain, auth_backend=backend)
        if is_basic:
            # Without a login, oras itself would fail; now the registry reports the error.
            client.auth.set_basic_auth("", "")
        container = client.get_container(reference)
        client.auth.load_configs(container, _logins())
        yield client, container
    except (requests.RequestException, ValueError) as error:
        raise RegistryFailed(reference=reference, reason=str(error)) from error


def _has_tls(host: str) -> bool:
    """Return whether a registry uses TLS: like engines, nb-builder uses plain HTTP only on this machine."""
    import requests

    try:
        requests.get(f"https://{host}/v2/", timeout=TIMEOUT, stream=True).close()
    except requests.exceptions.SSLError as error:
        # An untrusted certificate means TLS; any other response doesn't.
        return "CERTIFICATE_VERIFY_FAILED" in str(error)
    except requests.RequestException:
        return False
    return True


def _logins() -> list[str]:
    """Return the credential files of `docker login` and `podman login`, in addition to ~/.docker/config.json."""
    folder, file = os.environ.get("DOCKER_CONFIG"), os.environ.get("REGISTRY_AUTH_FILE")
    paths = [os.path.join(folder, "config.json")] if folder else []
    paths += [file] if file else []
    return [path for path in paths if os.path.exists(path)]


def _blob(client: "OrasClient", container: "Container", path: Path, media_type: str) -> dict[str, Any]:
    size = path.stat().st_size
    blob = {"mediaType": media_type, "digest": f"sha256:{digests.digest(path)}", "size": size}
    response = client.upload_blob(str(path), container, blob, do_chunked=size > AT_ONCE, chunk_size=AT_ONCE)
    _checked(response, str(container))
    return blob


def _checked(response: Any, reference: str) -> Any:
    if response.status_code not in (200, 201, 202):
        reason = f"it responds with {response.status_code} {response.reason}"
        raise RegistryFailed(reference=reference, reason=reason)
    return response


def _manifest(client: "OrasClient", container: "Container", reference: str) -> bytes:
    url = f"{client.prefix}://{container.manifest_url()}"
    with client.do_request(url, "GET", headers={"Accept": MANIFEST}, stream=True) as response:
        _checked(response, reference)
        content = b""
        for block in response.iter_content(1 << 16):
            content += block
            if len(content) > MAX_MANIFEST:
                raise RegistryFailed(
                    reference=reference, reason="its manifest is larger than a model's manifest can be"
                )
        return content


def _layer(content: bytes, reference: str) -> dict[str, Any]:
    """Return the only layer of a manifest from `push`; raise RegistryFailed for any other manifest."""
    try:
        (layer,) = json.loads(content)["layers"]
        if (
            layer["mediaType"] == LAYER
            and type(layer["size"]) is int
            and 0 <= layer["size"] <= MAX_MODEL
            and layer["digest"].startswith("sha256:")
        ):
            return layer
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise RegistryFailed(reference=reference, reason="its content is not a model that 'nb-builder push' pushed")


def _download(client: "OrasClient", container: "Container", layer: dict, path: Path, reference: str) -> None:
    sha, size = hashlib.sha256(), 0
    with client.get_blob(container, layer["digest"], stream=True) as response, path.open("wb") as file:
        _checked(response, reference)
        for block in response.iter_content(1 << 20):
            sha.update(block)
            size += len(block)
            if size > layer["size"]:
                break
            file.write(block)
    if size != layer["size"] or f"sha256:{sha.hexdigest()}" != layer["digest"]:
        raise RegistryFailed(reference=reference, reason=f"the file that it sends is not {layer['digest']}")
