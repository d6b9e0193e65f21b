"""What commands do with images by a container engine, docker or podman, without running what is in them."""

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

from nb_builder.images.files import Files
from nb_builder.images.problems import ImageUnfit, ImageUnreadable

# Where a build has put everything, unless the image says otherwise.
APP_ROOT = "/opt/app-root"
# It becomes a word of a Dockerfile and part of paths.
_PLACE = re.compile(r"(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)+")


class Image:
    """An image as the engine describes it, by its digest: its name may become another's meanwhile."""

    def __init__(self, program: str, environ: Mapping[str, str], name: str, facts: Mapping[str, Any]) -> None:
        self._program = program
        self._environ = dict(environ)
        self.name = name
        self.id: str = facts["Id"]
        self._config = facts.get("Config") or {}

    @property
    def variables(self) -> dict[str, str]:
        """Return the variables that the image sets."""
        pairs = (text.partition("=") for text in self._config.get("Env") or ())
        return {name: value for name, _, value in pairs}

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
                image=self.name, reason="it has ONBUILD instructions, which run when an image is made of it"
            )

    @contextlib.contextmanager
    def files(self) -> Iterator[Files]:
        """Yield the reader of the image's files, in a container that never runs; raise ImageUnreadable."""
        # Its command and its entrypoint are never run; a slim image has none that could be.
        words = [self._program, "create", "--network", "none", "--entrypoint", "/nothing", self.id, "nothing"]
        made = subprocess.run(words, env=self._environ, capture_output=True, text=True)
        if made.returncode:
            lines = made.stderr.strip().splitlines() or [f"status {made.returncode}"]
            raise ImageUnreadable(image=self.name, program=self._program, reason=lines[-1].removesuffix("."))
        container = made.stdout.split()[-1]
        try:
            yield Files(self._program, self._environ, container, self.name)
        finally:
            subprocess.run(
                [self._program, "rm", "--force", "--volumes", container], env=self._environ, capture_output=True
            )


def find(program: str, environ: Mapping[str, str], name: str) -> Image | None:
    """Return the image of that name, or with that digest; None where the engine has none."""
    # A name that begins with a hyphen would be an option.
    ran = subprocess.run([program, "image", "inspect", "--", name], env=dict(environ), capture_output=True, text=True)
    return Image(program, environ, name, json.loads(ran.stdout)[0]) if ran.returncode == 0 else None
