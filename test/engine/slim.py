"""Slim images as users make them: make slim, and the one docker build that is underneath."""

import subprocess
import tarfile
from dataclasses import dataclass

from engine import docker, provide

DOCKERFILE = provide.ROOT / "s2i" / "runtime.Dockerfile"


@dataclass(frozen=True)
class Made:
    """What came of making a slim image: its name, the exit status and all that was printed."""

    image: str
    status: int
    output: str


def make(service: str, image: str, *words: str) -> Made:
    """Return what `make slim` of `service` came to; `words` are settings such as S2I_SLIM=off."""
    command = ["make", "--no-print-directory", "slim", f"SERVICE={service}", f"IMAGE={image}", *words]
    done = subprocess.run(
        command, cwd=provide.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    return Made(image, done.returncode, done.stdout)


def must(made: Made) -> Made:
    """Return `made`, or fail with its log if there is no image."""
    assert made.status == 0, made.output
    return made


def build(service: str, image: str, *options: str) -> Made:
    """Return the outcome of the documented `docker build`."""
    words = (
        "build",
        "--force-rm",
        "--network",
        "none",
        "--build-arg",
        f"SERVICE={service}",
        *options,
        "--tag",
        image,
        "-",
    )
    done = docker.docker(*words, stdin=DOCKERFILE.read_bytes(), ok=False)
    return Made(image, done.returncode, done.stdout + done.stderr)


def listed(image: str) -> list[tarfile.TarInfo]:
    """Return everything that is in `image`, which may have no program to list it with."""
    container = docker.docker("create", image).stdout.strip()
    try:
        exporting = subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE)
        with exporting as exported, tarfile.open(fileobj=exported.stdout, mode="r|") as archive:
            return list(archive)
    finally:
        docker.docker("rm", container)


def read(image: str, path: str) -> bytes:
    """Return the content of one file of `image`."""
    container = docker.docker("create", image).stdout.strip()
    try:
        copied = subprocess.run(["docker", "cp", f"{container}:{path}", "-"], capture_output=True, check=True)
        unpacked = subprocess.run(["tar", "-xO"], input=copied.stdout, capture_output=True, check=True)
        return unpacked.stdout
    finally:
        docker.docker("rm", container)


def layers(image: str) -> str:
    """Return the digests of the layers of `image`."""
    return docker.docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", image).stdout
