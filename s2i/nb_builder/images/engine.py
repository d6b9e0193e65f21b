"""Images of a container engine, docker or podman: reads their files, and runs programs in them."""

import contextlib
import json
import re
import secrets
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nb_builder.common import programs, visible
from nb_builder.images import conditions
from nb_builder.images.files import Files
from nb_builder.images.problems import ImageUnfit, ImageUnreadable

# The folder of a build's results, unless the image specifies another one.
APP_ROOT = "/opt/app-root"
# It becomes an argument in a Dockerfile, and part of paths.
_PLACE = re.compile(r"(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)+")
# The messages of docker and podman for a missing image.
_ABSENT = re.compile(r"no such (?:image|object)|image not known", re.IGNORECASE)
# The prefix of our containers' names.
CONTAINERS = "nb-builder-"
_STOPS = (signal.SIGINT, signal.SIGTERM)
# Options that drop the privileges of a container of an untrusted image.
UNPRIVILEGED = ("--cap-drop", "ALL", "--security-opt", "no-new-privileges")
# Without a network, and without a log of its output in the engine.
ISOLATED = ("--network", "none", "--log-driver", "none", *UNPRIVILEGED)


class Image:
    """An image as the engine describes it, by its digest, because its name may move to another image."""

    def __init__(self, program: str, environ: Mapping[str, str], name: str, facts: Mapping[str, Any]) -> None:
        self._program = program
        self._environ = dict(environ)
        self.name = name
        self.id: str = facts["Id"]
        self._facts = facts
        self._config = facts.get("Config") or {}

    @property
    def architecture(self) -> str:
        """Return the image's architecture, as engines name it."""
        return str(self._facts.get("Architecture") or "")

    @property
    def size(self) -> int:
        """Return the size of its layers in bytes."""
        return int(self._facts.get("Size") or 0)

    @property
    def labels(self) -> dict[str, str]:
        """Return the labels of the image."""
        return dict(self._config.get("Labels") or {})

    @property
    def variables(self) -> dict[str, str]:
        """Return the variables that the image sets."""
        pairs = (text.partition("=") for text in self._config.get("Env") or ())
        return {name: value for name, _, value in pairs}

    @property
    def conditions(self) -> dict[str, str]:
        """Return the variables with which its programs run here; raise ImageUnfit."""
        return conditions.variables(self.variables, self.app_root, self.name)

    @property
    def app_root(self) -> str:
        """Return the folder of the build in the image; raise ImageUnfit unless it is a plain absolute path."""
        root = self.variables.get("APP_ROOT") or APP_ROOT
        if not _PLACE.fullmatch(root):
            raise ImageUnfit(image=self.name, reason=f"its APP_ROOT is {root!r}")
        return root

    def require_plain(self) -> None:
        """Raise ImageUnfit for an image with ONBUILD instructions."""
        if self._config.get("OnBuild"):
            raise ImageUnfit(
                image=self.name, reason="it has ONBUILD instructions, which run when an image is built from it"
            )

    @contextlib.contextmanager
    def container(
        self,
        command: Sequence[str],
        variables: Mapping[str, str] | None = None,
        options: Sequence[str] = ISOLATED,
    ) -> Iterator[str]:
        """Yield a container that will run `command` instead of the image's own; raise ImageUnreadable or ImageUnfit.

        It has no network, no mounts and no rights beyond its user's, and the variables of `conditions`. A builder
        image, which is trusted, gets `variables` in addition to its own, and other `options`.
        """
        given = self.conditions if variables is None else variables
        arguments = [*options, *as_options(given), "--entrypoint", command[0], self.id, *command[1:]]
        with self.created(arguments) as container:
            yield container

    @contextlib.contextmanager
    def files(self) -> Iterator[Files]:
        """Yield the reader of the image's files, from a container that never runs; raise ImageUnreadable."""
        # The container's command and entrypoint never run; a slim image has none that could.
        arguments = ["--network", "none", "--entrypoint", "/nothing", self.id, "nothing"]
        with self.created(arguments) as container:
            yield Files(self._program, self._environ, container, self.name)

    @contextlib.contextmanager
    def created(self, arguments: Sequence[str], name: str = CONTAINERS) -> Iterator[str]:
        """Create a container with these arguments of `create`, yield and remove it; its name starts with `name`.

        Raises ImageUnreadable.
        """
        container = f"{name}{secrets.token_hex(6)}"
        try:
            # It must exist before it can be removed by name.
            with stops_wait():
                made = self._run("create", "--name", container, *arguments)
            if made.returncode:
                raise ImageUnreadable(image=self.name, program=self._program, reason=reason(made))
            yield container
        finally:
            with stops_wait():
                self._run("rm", "--force", "--volumes", container)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        # In its own session: Ctrl-C in a terminal is for this process, which then cleans up.
        command = [self._program, *arguments]
        return programs.run(command, env=self._environ, start_new_session=True)


def reason(failed: subprocess.CompletedProcess[str]) -> str:
    """Return the end of a sentence about a failed call of the engine."""
    return visible.line(programs.reason(failed).removesuffix("."))


def as_options(variables: Mapping[str, str]) -> list[str]:
    """Return the options that set a container's variables."""
    return [option for name, value in variables.items() for option in ("--env", f"{name}={value}")]


@contextlib.contextmanager
def stops_wait() -> Iterator[None]:
    """Delay Ctrl-C and SIGTERM until the end of the block.

    Not with a signal mask: masks are per thread, so another thread would get the signals.
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


def find(program: str, environ: Mapping[str, str], name: str) -> Image | None:
    """Return the image with that name or digest, or None. Raises ImageUnreadable."""
    # A name with a leading hyphen would be an option.
    ran = programs.run([program, "image", "inspect", "--", name], env=dict(environ))
    if ran.returncode == 0:
        return Image(program, environ, name, json.loads(ran.stdout)[0])
    if _ABSENT.search(ran.stderr):
        return None
    raise ImageUnreadable(image=name, program=program, reason=reason(ran))
