"""A registry of images, Debian's, on this machine."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.services import wait_until
from engine import provide

CONFIG = """\
version: 0.1
storage:
  filesystem:
    rootdirectory: {folder}/data
  delete:
    enabled: true
http:
  addr: 127.0.0.1:{port}
"""


@contextmanager
def served(config: str, folder: Path, port: int) -> Iterator[None]:
    """Have a registry of this configuration listen on a port, with its files in a folder, until the block exits."""
    (folder / "config.yml").write_text(config.format(folder=folder, port=port))
    command = [provide.program("docker-registry", "docker-registry"), "serve", folder / "config.yml"]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        assert wait_until(lambda: _answers(port)), (folder / "log").read_text()
        yield
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
