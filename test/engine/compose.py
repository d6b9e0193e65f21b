"""Compose, which SageMaker's SDK starts images with: found or installed; and what the SDK leaves behind."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from engine import provide
from engine.docker import docker

NETWORK = "sagemaker-local"


def install_if_lacking() -> None:
    """Return where the SDK finds a Compose that it takes; raise Missing where none can be installed."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True)
    # It takes a plugin of no other version, and whatever is called docker-compose.
    if b"v2" not in plugin.stdout and not shutil.which("docker-compose"):
        provide.apt("Compose", "docker-compose")


@contextmanager
def tidy(image: str) -> Iterator[None]:
    """Remove at the end what the SDK made of `image` and leaves: containers, and the network if it did not exist."""
    was_here = _listed("network", f"name=^{NETWORK}$")
    try:
        yield
    finally:
        if containers := _listed("container", f"ancestor={image}", "name=-algo-1-", also=("--all",)):
            docker("rm", "--force", "--volumes", *containers)
        if not was_here:
            # Not there where the SDK failed early; in use where somebody else works with the SDK.
            docker("network", "rm", NETWORK, ok=False)


def _listed(kind: str, *filters: str, also: tuple[str, ...] = ()) -> list[str]:
    words = [word for one in filters for word in ("--filter", one)]
    return docker(kind, "ls", "--quiet", *also, *words).stdout.split()
