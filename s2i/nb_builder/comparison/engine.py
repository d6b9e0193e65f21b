"""A container engine, docker or podman, by its command line."""

import contextlib
import io
import json
import signal
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from nb_builder.comparison.problems import DiffEngine

# Addresses of engines on this machine; others run containers that nobody here reaches.
_HERE = {"", "unix", "npipe", "fd"}
_NAMES_HERE = {None, "localhost", "127.0.0.1", "::1"}
_STOPS = (signal.SIGINT, signal.SIGTERM)


class EngineFailed(Exception):
    """A call of the engine failed; its text is the engine's own last line."""


class Engine:
    """The engine that `program` calls, with the addresses of engines that `environ` names."""

    def __init__(self, program: str, environ: Mapping[str, str]) -> None:
        self._program = program
        self._environ = environ

    def require(self, name: str) -> None:
        """Raise DiffEngine, about the image `name`, unless the engine answers and is on this machine."""
        for variable in ("DOCKER_HOST", "CONTAINER_HOST"):
            address = urlsplit(self._environ.get(variable, ""))
            if address.scheme not in _HERE and address.hostname not in _NAMES_HERE:
                reason = f"{variable} names one on {address.hostname}, whose containers are not reached from here"
                raise DiffEngine(name=name, reason=reason)
        try:
            self.call("version")
        except EngineFailed as error:
            raise DiffEngine(name=name, reason=f"{self._program}: {str(error).removesuffix('.')}") from error

    def call(self, *words: str) -> bytes:
        """Return what the engine prints; raise EngineFailed."""
        try:
            # In a session of its own: Ctrl-C in a terminal is for us, who then remove what there is.
            done = subprocess.run([self._program, *words], capture_output=True, start_new_session=True)
        except OSError as error:
            raise EngineFailed(error.strerror or str(error)) from error
        if done.returncode:
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"status {done.returncode}"]
            raise EngineFailed(lines[-1])
        return done.stdout

    def image(self, name: str) -> dict | None:
        """Return what the engine tells of an image, None where it is not there."""
        try:
            return json.loads(self.call("image", "inspect", name))[0]
        except EngineFailed:
            return None

    def create(self, name: str, image: str, *options: str, command: tuple[str, ...] = ()) -> None:
        """Make a container called `name`, which does not run yet; raise EngineFailed.

        A signal waits until it is there: whoever removes it by its name then does not come too early.
        """
        with _stops_wait():
            self.call("create", "--name", name, *options, image, *command)

    def file(self, container: str, path: str) -> bytes | None:
        """Return the content of a file in a container that need not run, None where there is no such file."""
        try:
            content = self.call("cp", f"{container}:{path}", "-")
        except EngineFailed:
            return None
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            member = archive.next()
            file = archive.extractfile(member) if member else None
            return file.read() if file else None

    def log(self, container: str) -> str:
        """Return what a container has printed."""
        words = [self._program, "logs", container]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        return done.stdout.decode("utf-8", "replace")

    def state(self, container: str) -> dict:
        """Return the state of a container: Running, Pid, ExitCode and more; raise EngineFailed."""
        return json.loads(self.call("inspect", "--format", "{{json .State}}", container))

    def remove(self, container: str) -> None:
        """Remove a container, running or not; one that is not there is no error."""
        with _stops_wait(), contextlib.suppress(EngineFailed):
            self.call("rm", "--force", "--volumes", container)


@contextlib.contextmanager
def _stops_wait() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait for the end of the block.

    Not by the mask of signals: that is of one thread, and another would take them.
    """
    came: list[int] = []
    handlers = {number: signal.signal(number, lambda number, _: came.append(number)) for number in _STOPS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for stop in came[:1]:
            signal.raise_signal(stop)
