"""Native images as users make them: make native."""

import subprocess

from engine import docker, provide
from engine.slim import Made


def command(service: str, image: str, compiler: str, *words: str) -> list[str]:
    """Return the command `make native` for `service`; `compiler` names the image that compiles."""
    names = (f"SERVICE={service}", f"IMAGE={image}", f"COMPILER={compiler}", *words)
    return ["make", "--no-print-directory", "native", *names]


def make(service: str, image: str, compiler: str, *words: str) -> Made:
    """Return what `nb-builder native` of `service` came to, given what `command` is given."""
    done = subprocess.run(
        command(service, image, compiler, *words),
        cwd=provide.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    return Made(image, done.returncode, done.stdout)


def left_behind(image: str) -> list[str]:
    """Return the containers, names and images that a making of `image` has not removed; others may be making theirs."""
    run = "io.nb-builder.native.run"
    containers = docker.docker("ps", "--all", "--filter", f"label={run}", "--format", f'{{{{.Label "{run}"}}}}').stdout
    images = docker.docker("image", "ls", "--all", "--quiet", "--filter", f"label={run}").stdout.split()
    # One that another has just removed is none.
    labels = docker.docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{run}"}}}}', *images, ok=False)
    names = docker.docker("image", "ls", "--format", "{{.Tag}}", "--filter", "reference=nb-builder-native*").stdout
    return [mark for mark in f"{containers}\n{labels.stdout if images else ''}\n{names}".split() if image in mark]
