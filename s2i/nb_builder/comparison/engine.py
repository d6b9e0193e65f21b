"""A container engine, docker or podman, controlled through its command line."""

import contextlib
import json
import socket
import subprocess
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from nb_scorer.common import phrases

from nb_builder.comparison.problems import DiffEngine
from nb_builder.images.engine import Image, find, stops_wait

# Maximum bytes of a container's log.
_KEPT = 1 << 20
# Addresses of engines on this machine; containers of other engines can't be reached from it.
_HERE = {"", "unix", "npipe", "fd"}
_NAMES_HERE = {None, "localhost", "127.0.0.1", "::1"}


class EngineFailed(Exception):
    """A call of the engine failed; the text is the last line that the engine printed."""


class Engine:
    """The engine that `program` calls; `environ` may set its address."""

    def __init__(self, program: str, environ: Mapping[str, str]) -> None:
        self._program = program
        self._environ = environ

    def require(self, name: str) -> None:
        """Raise DiffEngine, about the image `name`, unless the engine responds and is on this machine."""
        for variable in ("DOCKER_HOST", "CONTAINER_HOST"):
            address = urlsplit(self._environ.get(variable, ""))
            if address.scheme not in _HERE and address.hostname not in _NAMES_HERE:
                reason = (
                    f"{variable} names one on {address.hostname}, whose containers can't be reached from this machine"
                )
                raise DiffEngine(name=name, reason=reason)
        try:
            self.call("version")
        except EngineFailed as error:
            raise DiffEngine(name=name, reason=f"{self._program}: {str(error).removesuffix('.')}") from error

    def call(self, *arguments: str) -> bytes:
        """Return the engine's output; raise EngineFailed."""
        try:
            # In its own session: Ctrl-C in a terminal is for this process, which then cleans up.
            done = subprocess.run([self._program, *arguments], capture_output=True, start_new_session=True)
        except OSError as error:
            raise EngineFailed(error.strerror or str(error)) from error
        if done.returncode:
            said = phrases.last_line(done.stderr.decode("utf-8", "replace"))
            raise EngineFailed(said or f"exit status {done.returncode}")
        return done.stdout

    def image(self, name: str) -> Image | None:
        """Return an image, or None if it does not exist."""
        return find(self._program, self._environ, name)

    @contextlib.contextmanager
    def network(self, name: str) -> Iterator[bool]:
        """Create a network `name` that no other host can reach; yield whether it exists and can be reached from here.

        It can't be reached if the engine runs in a virtual machine or belongs to an ordinary user.
        """
        try:
            try:
                with stops_wait():
                    self.call("network", "create", "--internal", name)
                is_here = _is_ours(json.loads(self.call("network", "inspect", name))[0])
            except EngineFailed:
                is_here = False
            yield is_here
        finally:
            with stops_wait(), contextlib.suppress(EngineFailed):
                self.call("network", "rm", name)

    def log(self, container: str) -> str:
        """Return the end of a container's log."""
        arguments = [self._program, "logs", container]
        pipe = subprocess.PIPE
        end = b""
        with subprocess.Popen(arguments, stdout=pipe, stderr=subprocess.STDOUT, start_new_session=True) as process:
            assert process.stdout is not None
            while block := process.stdout.read(_KEPT):
                end = (end + block)[-_KEPT:]
        return end.decode("utf-8", "replace")

    def state(self, container: str) -> dict:
        """Return the state of a container: Running, Pid, ExitCode and more; raise EngineFailed."""
        return json.loads(self.call("inspect", "--format", "{{json .State}}", container))


def _is_ours(network: dict) -> bool:
    """Return whether this machine has a network's gateway address, as docker or podman reports it."""
    pools = (network.get("IPAM") or {}).get("Config") or network.get("subnets") or []
    gateways = [pool.get("Gateway") or pool.get("gateway") for pool in pools]
    for gateway in filter(None, gateways):
        family = socket.AF_INET6 if ":" in gateway else socket.AF_INET
        with socket.socket(family) as probe, contextlib.suppress(OSError):
            probe.bind((gateway, 0))
            return True
    return False
