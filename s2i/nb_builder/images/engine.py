"""Images of a container engine, docker or podman: their files, and how programs in them are run."""

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

# Where a build has put everything, unless the image says otherwise.
APP_ROOT = "/opt/app-root"
# It becomes a word of a Dockerfile and part of paths.
_PLACE = re.compile(r"(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)+")
# How docker and podman say that they have no such image.
_ABSENT = re.compile(r"no such (?:image|object)|image not known", re.IGNORECASE)
# What names of our containers begin with.
CONTAINERS = "nb-builder-"
_STOPS = (signal.SIGINT, signal.SIGTERM)
# What a container of somebody's image can't do.
UNPRIVILEGED = ("--cap-drop", "ALL", "--security-opt", "no-new-privileges")
# What it can't reach, either; and the engine keeps nothing of what it prints.
ISOLATED = ("--network", "none", "--log-driver", "none", *UNPRIVILEGED)


class Image:
    """An image as the engine describes it, by its digest: its name may become another's meanwhile."""

    def __init__(self, program: str, environ: Mapping[str, str], name: str, facts: Mapping[str, Any]) -> None:
        self._program = program
        self._environ = dict(environ)
        self.name = name
        self.id: str = facts["Id"]
        self._facts = facts
        self._config = facts.get("Config") or {}

    @property
    def architecture(self) -> str:
        """Return which machine the image is for, as engines call it."""
        return str(self._facts.get("Architecture") or "")

    @property
    def size(self) -> int:
        """Return how many bytes its layers have."""
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
        """Return where the build is in the image; raise ImageUnfit for what is no absolute path of usual characters."""
        root = self.variables.get("APP_ROOT") or APP_ROOT
        if not _PLACE.fullmatch(root):
            raise ImageUnfit(image=self.name, reason=f"its APP_ROOT is {root!r}")
        return root

    def require_plain(self) -> None:
        """Raise ImageUnfit for an image that adds instructions to each image that is made of it."""
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
        """Yield a container that will run `command`, and not what the image says; raise ImageUnreadable or ImageUnfit.

        It has no network, no mounts and no rights beyond its user's, and the variables of `conditions`. A builder
        image, which is trusted, gets `variables` in addition to its own, and other `options`.
        """
        given = self.conditions if variables is None else variables
        words = [*options, *as_options(given), "--entrypoint", command[0], self.id, *command[1:]]
        with self.created(words) as container:
            yield container

    @contextlib.contextmanager
    def files(self) -> Iterator[Files]:
        """Yield the reader of the image's files, in a container that never runs; raise ImageUnreadable."""
        # Its command and its entrypoint are never run; a slim image has none that could be.
        words = ["--network", "none", "--entrypoint", "/nothing", self.id, "nothing"]
        with self.created(words) as container:
            yield Files(self._program, self._environ, container, self.name)

    @contextlib.contextmanager
    def created(self, words: Sequence[str], name: str = CONTAINERS) -> Iterator[str]:
        """Yield a container by these words of `create`, and remove it; its name begins with `name`.

        Raise ImageUnreadable.
        """
        container = f"{name}{secrets.token_hex(6)}"
        try:
            # Whoever removes it by its name must not come too early.
            with stops_wait():
                made = self._run("create", "--name", container, *words)
            if made.returncode:
                raise ImageUnreadable(image=self.name, program=self._program, reason=reason(made))
            yield container
        finally:
            with stops_wait():
                self._run("rm", "--force", "--volumes", container)

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        # In a session of its own: Ctrl-C in a terminal is for us, who then remove what there is.
        command = [self._program, *words]
        return programs.run(command, env=self._environ, start_new_session=True)


def reason(failed: subprocess.CompletedProcess[str]) -> str:
    """Return the end of a sentence about a call of the engine that failed."""
    return visible.line(programs.reason(failed).removesuffix("."))


def as_options(variables: Mapping[str, str]) -> list[str]:
    """Return the options by which a container gets variables."""
    return [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]


@contextlib.contextmanager
def stops_wait() -> Iterator[None]:
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


def find(program: str, environ: Mapping[str, str], name: str) -> Image | None:
    """Return the image of that name, or with that digest; None where the engine has none. Raise ImageUnreadable."""
    # A name that begins with a hyphen would be an option.
    ran = programs.run([program, "image", "inspect", "--", name], env=dict(environ))
    if ran.returncode == 0:
        return Image(program, environ, name, json.loads(ran.stdout)[0])
    if _ABSENT.search(ran.stderr):
        return None
    raise ImageUnreadable(image=name, program=program, reason=reason(ran))
