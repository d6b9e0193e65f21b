"""Writes an image as an archive for `docker load`: one layer, and a configuration with its platform.

`docker build` gives an image without a base image the architecture of its own machine, despite --platform. Only
programs of this machine write archives, because an archive from an image could replace other images of the engine.
"""

import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

# The machine's name by uname, and the platform's name in images.
PLATFORMS: Mapping[str, Mapping[str, str]] = {
    "x86_64": {"os": "linux", "architecture": "amd64"},
    "aarch64": {"os": "linux", "architecture": "arm64", "variant": "v8"},
}
NOBODY = "65534"
# The folder that verification leaves in the root of a build stage, and its contents, as in the image.
PROVED = "/native/proved"
PROGRAM = "model"
FACTS = "usr/share/nb-builder/native.json"
LABEL = "io.nb-builder.native"
# 1970, so that the same model gives identical files.
_LONG_AGO = 0


def write(path: Path, name: str, root: Path, machine: str, program: str, labels: Mapping[str, str]) -> None:
    """Write the archive `path` of an image `name`, which contains the files in `root` and runs `program` as a service.

    `machine` is one of PLATFORMS; any other raises KeyError.
    """
    layer = layer_of(root)
    digest = hashlib.sha256(layer).hexdigest()
    settings = {
        "User": NOBODY,
        "ExposedPorts": {"8080/tcp": {}},
        "Env": [],
        "Entrypoint": [program],
        "WorkingDir": "/",
        "Labels": dict(labels),
    }
    created = datetime.now(timezone.utc).isoformat()
    config = {
        **PLATFORMS[machine],
        "created": created,
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created": created, "created_by": "make native"}],
    }
    text = json.dumps(config).encode()
    config_name = f"{hashlib.sha256(text).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": [f"{digest}/layer.tar"]}]
    with tarfile.open(path, "w") as archive:
        for member, content in (
            (config_name, text),
            (f"{digest}/layer.tar", layer),
            ("manifest.json", json.dumps(manifest).encode()),
        ):
            archive.addfile(_member(member, len(content), 0o644), io.BytesIO(content))


def labels(facts: Mapping[str, Any], size: int) -> dict[str, str]:
    """Return the labels of an image: its port, and the verification results of its program, which has `size` bytes.

    Raises KeyError or TypeError if `facts` don't come from a verification.
    """
    return {
        "io.openshift.expose-services": "8080:http",
        LABEL: f"/{FACTS}",
        f"{LABEL}.samples": _number(facts["samples"]),
        f"{LABEL}.largest-difference": _number(facts["largest_difference"]),
        f"{LABEL}.tolerance": _number(facts["tolerance"]),
        f"{LABEL}.program-bytes": str(size),
    }


def _number(fact: object) -> str:
    if not isinstance(fact, (int, float)):
        raise TypeError(f"{fact!r} is not a number")
    return str(fact)


def layer_of(root: Path) -> bytes:
    """Return the folder `root` as a layer: root owns all files; others may read them, and run executable ones."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as layer:
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.is_dir():
                member = _member(name, 0, 0o755)
                member.type = tarfile.DIRTYPE
                layer.addfile(member)
            else:
                content = path.read_bytes()
                mode = 0o755 if os.access(path, os.X_OK) else 0o644
                layer.addfile(_member(name, len(content), mode), io.BytesIO(content))
    return made.getvalue()


def _member(name: str, size: int, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, mode, _LONG_AGO
    return member


def relabel(source: BinaryIO, target: BinaryIO, machine: str) -> None:
    """Copy the image archive `source` to `target` with the platform `machine`; layers stay unchanged.

    `machine` is one of PLATFORMS; any other raises KeyError.
    """
    with tempfile.TemporaryFile() as file:
        while block := source.read(1 << 20):
            file.write(block)
        file.seek(0)
        with tarfile.open(fileobj=file) as saved, tarfile.open(fileobj=target, mode="w|") as made:
            (image,) = json.loads(_content(saved, "manifest.json"))
            config = {**json.loads(_content(saved, image["Config"])), **PLATFORMS[machine]}
            text = json.dumps(config).encode()
            name = f"{hashlib.sha256(text).hexdigest()}.json"
            layers = []
            for number, layer in enumerate(image["Layers"]):
                member = _followed(saved, layer)
                layers.append(f"{number}/layer.tar")
                made.addfile(_member(layers[-1], member.size, 0o644), saved.extractfile(member))
            manifest = [{"Config": name, "RepoTags": image["RepoTags"], "Layers": layers}]
            for path, content in ((name, text), ("manifest.json", json.dumps(manifest).encode())):
                made.addfile(_member(path, len(content), 0o644), io.BytesIO(content))


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    return file.read() if file else b""


def _followed(archive: tarfile.TarFile, name: str) -> tarfile.TarInfo:
    """Return the member of that name; older engines save a repeated layer as a link."""
    member = archive.getmember(name)
    while member.issym():
        name = os.path.normpath(PurePosixPath(member.name).parent / member.linkname)
        member = archive.getmember(name)
    return member
