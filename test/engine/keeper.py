"""Keeps the container engine for all processes of a run of the tests, and tidies up when the run is over.

A process of its own: the worker that needs an engine first may end before the others.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import shared
from engine import daemon, docker, provide

# Builder images of test/image/conftest.py that the next run profits from.
KEPT_BUILDERS = ("builder", "with-more")
LABELLING = """#!/bin/sh
case "$1 $2" in
"network create" | "volume create" | "container run" | "container create" | "image build")
    first="$1 $2"
    shift 2
    ;;
"build "* | "run "* | "create "*)
    first="$1"
    shift
    ;;
*)
    exec "{docker}" "$@"
    ;;
esac
exec "{docker}" $first --label "{label}" "$@"
"""
# Keepers that this process has started; they end after it.
_KEPT = []


@dataclass(frozen=True)
class Found:
    """The engine of a run: its DOCKER_HOST, whether all images in it are the tests' own, and PATH with its `docker`."""

    host: str
    is_own: bool
    path: str


def engine() -> Found:
    """Return the engine of this run, started if need be; raise Missing where there can be none."""
    reported = shared.once("engine", _start)
    if lack := reported.get("missing"):
        raise provide.Missing(*lack)
    return Found(**reported)


def _start() -> dict[str, object]:
    keeper = subprocess.Popen(
        [sys.executable, "-m", "engine.keeper"],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        # Ctrl-C is for the run; what keeps the engine ends behind it.
        start_new_session=True,
    )
    _KEPT.append(keeper)
    with keeper.stdout as words:
        reported = words.readline()
    assert reported, f"the keeper of the engine ended with {keeper.wait()}"
    return json.loads(reported)


def main() -> None:
    """Start or find an engine, say where it is, and keep it until the run is over."""
    # Held as long as this process lives: the run waits for it at its end.
    with open(shared.folder() / shared.ENGINE, "w") as runs:
        fcntl.flock(runs, fcntl.LOCK_EX)
        try:
            with daemon.running() as found:
                path = os.environ["PATH"] if found.is_own else f"{_labelling()}{os.pathsep}{os.environ['PATH']}"
                os.environ["DOCKER_HOST"] = found.host
                _tell(host=found.host, is_own=found.is_own, path=path)
                # Its end comes when the first process of the run closes it, or is no more.
                with open(shared.folder() / shared.OPEN, "rb") as until:
                    until.read()
                _remove_what_this_run_made(found)
        except provide.Missing as lack:
            _tell(missing=[lack.what, lack.fix])


def _tell(**fact: object) -> None:
    print(json.dumps(fact), flush=True)


def _labelling() -> Path:
    """Return a folder with a `docker` that gives this run's label to all that it makes in somebody else's engine."""
    folder = shared.folder() / "labelling"
    folder.mkdir()
    program = folder / "docker"
    program.write_text(LABELLING.format(docker=shutil.which("docker"), label=_label()), encoding="utf-8")
    program.chmod(0o755)
    return folder


def _label() -> str:
    return f"nb-builder.test={shared.name()}"


def _remove_what_this_run_made(found: daemon.Engine) -> None:
    """Remove containers, images, networks and volumes; in an engine of our own, all images that have no name, too."""
    if found.is_own:
        for kind in KEPT_BUILDERS:
            # Under a name that stays, so that the next run finds its steps in the engine's cache.
            docker.docker("tag", f"{shared.name()}-{kind}", f"nb-builder-candidate-{kind}", ok=False)
    ours = ("--filter", f"label={_label()}")
    for kind, options in (("container", ("--all",)), ("network", ()), ("volume", ())):
        _remove(kind, docker.docker(kind, "ls", "--quiet", *options, *ours).stdout.split())
    for which in (ours, ("--filter", f"reference={shared.name()}*")):
        _remove("image", docker.docker("image", "ls", "--format", "{{.ID}}", *which).stdout.split())
    if found.is_own:
        docker.docker("image", "prune", "--force", ok=False)


def _remove(kind: str, names: list[str]) -> None:
    if names:
        docker.docker(kind, "rm", "--force", *dict.fromkeys(names), ok=False)


if __name__ == "__main__":
    main()
