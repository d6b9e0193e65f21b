"""Milliseconds of `docker run` until a native image has answered, alongside an image whose program ends at once."""

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import native_programs
import starts
from environments import free_port, run
from native_programs import Made
from peers import Peer
from serve import goal

from engine import daemon

ROUNDS = max(10, int(os.environ.get("BENCH_ROUNDS", "10")))
GOAL = 10.0
EMPTY, NATIVE = "nb-bench-native-empty", "nb-bench-native-kmeans"
DOCKERFILE = 'FROM scratch\nCOPY . /\nUSER 65534\nENTRYPOINT ["/model"]\n'
# Of the native image's own; it has no answer for other numbers of words.
WORDS, ANSWER = ("0.2", "0.7"), b"4\n"


def report(made: Made) -> list[str]:
    """Return the lines of the table, and of the goals; `made` is the program of the running example."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not (shutil.which("docker") and daemon.answers(host)):
        return ["\nThe start of containers is left out: there is no container engine."]
    try:
        with tempfile.TemporaryDirectory() as folder:
            native_programs.make_empty_program(Path(folder))
            _image(EMPTY, Path(folder))
        _image(NATIVE, made.root)
        return table(measure())
    finally:
        subprocess.run(["docker", "image", "rm", "--force", EMPTY, NATIVE], capture_output=True)


def measure() -> dict[str, list[float]]:
    """Return {what: milliseconds of each round}."""
    ways = {
        "an empty image, until it has ended": lambda: _until_ended(EMPTY),
        "native, arguments, until it has ended": lambda: _until_ended(NATIVE, *WORDS),
        "an empty image, until docker run -d -p returns": lambda: _until_started(EMPTY),
        "native, docker run -d -p to its first HTTP answer": lambda: _until_started(NATIVE, "serve"),
    }
    taken: dict[str, list[float]] = {what: [] for what in ways}
    for number in range(ROUNDS + 1):
        for what, way in ways.items():
            seconds = way()
            if number:  # the first round fills caches
                taken[what].append(1000 * seconds)
    return taken


def table(taken: dict[str, list[float]]) -> list[str]:
    """Return the lines of the table; each native image comes after the empty one that it is measured alongside."""
    lines = [f"\nMilliseconds of docker run, {ROUNDS} rounds in turn: median, least, most"]
    for what, got in taken.items():
        lines.append(f"  {what:52}{statistics.median(got):8.1f}{min(got):8.1f}{max(got):8.1f}")
    empty, native, empty_detached, served = taken.values()
    for what, pair in (("arguments", (native, empty)), ("HTTP", (served, empty_detached))):
        beyond = statistics.median(pair[0]) - statistics.median(pair[1])
        lines.append(goal(f"ms beyond an empty image, {what}", beyond, f"<= {GOAL:g}", beyond <= GOAL))
    return lines


def _image(name: str, folder: Path) -> None:
    """Make an image of a folder."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(DOCKERFILE)
        file.flush()
        run(["docker", "build", "--quiet", "--tag", name, "--file", file.name, folder], dict(os.environ))


def _until_ended(image: str, *words: str) -> float:
    """Return the seconds until `docker run` has ended."""
    began = time.monotonic()
    ran = subprocess.run(["docker", "run", "--rm", image, *words], capture_output=True, check=True)
    seconds = time.monotonic() - began
    if words and ran.stdout != ANSWER:
        raise RuntimeError(f"{image} {' '.join(words)} has printed {ran.stdout!r}")
    return seconds


def _until_started(image: str, *words: str) -> float:
    """Return the seconds until `docker run` has returned, and the service, if any, has answered."""
    port = free_port()
    began = time.monotonic()
    options = ["--detach", "--publish", f"127.0.0.1:{port}:8080"]
    ran = subprocess.run(["docker", "run", *options, image, *words], capture_output=True, check=True, text=True)
    try:
        if words:
            starts.until_answered(port, starts.request(Peer("", "")))
        return time.monotonic() - began
    finally:
        subprocess.run(["docker", "rm", "--force", ran.stdout.strip()], capture_output=True, check=True)
