"""Keeps the container engine for all processes of a run of the tests, and tidies up when the run is over.

A process of its own: the worker that needs an engine first may end before the others.
"""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import shared
from engine import daemon, docker, provide

# Keepers that this process has started; they end after it.
_KEPT = []


def host() -> str:
    """Return DOCKER_HOST of the engine of this run, started if need be; raise Missing where there can be none."""
    told = shared.once("engine", _start)
    if lack := told.get("missing"):
        raise provide.Missing(lack)
    return told["host"]


def _start() -> dict[str, str]:
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
        told = words.readline()
    assert told, f"the keeper of the engine ended with {keeper.wait()}"
    return json.loads(told)


def main() -> None:
    """Start or find an engine, say where it is, and keep it until the run is over."""
    # Held as long as this process lives: the run waits for it at its end.
    with open(shared.folder() / shared.ENGINE, "w") as runs:
        fcntl.flock(runs, fcntl.LOCK_EX)
        try:
            with daemon.running() as found:
                os.environ["DOCKER_HOST"] = found
                _tell(host=found)
                # Its end comes when the first process of the run closes it, or is no more.
                with open(shared.folder() / shared.OPEN, "rb") as until:
                    until.read()
                _remove_images()
        except provide.Missing as lack:
            _tell(missing=str(lack))


def _tell(**fact: str) -> None:
    print(json.dumps(fact), flush=True)


def _remove_images() -> None:
    listed = docker.docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", f"{shared.name()}*").stdout.split()
    if listed:
        docker.docker("image", "rm", "--force", *listed, ok=False)
    # Without a name are also the stages of images that others build right now.
    docker.docker("image", "prune", "--force", "--filter", "until=2h", ok=False)


if __name__ == "__main__":
    main()
