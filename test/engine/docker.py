"""Containers as tests see them: started, asked over HTTP, read, stopped, always removed."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

START_SECONDS = 60
# No proxy of the machine may stand between a test and a container on this machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def docker(*words: str, ok: bool = True, stdin: bytes | None = None) -> subprocess.CompletedProcess:
    """Return what `docker …` did, output decoded; with `ok` it must have succeeded."""
    done = raw(*words, stdin=stdin)
    done.stdout, done.stderr = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
    if ok:
        assert done.returncode == 0, f"docker {' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done


def raw(*words: str, stdin: bytes | None = None) -> subprocess.CompletedProcess:
    """Return what `docker …` did, output as bytes."""
    return subprocess.run(["docker", *words], capture_output=True, input=stdin)


def inside(image: str, *command: str, options: tuple[str, ...] = ()) -> str:
    """Return the stdout of `command` in a new container of `image`; it must succeed."""
    return docker("run", "--rm", *options, image, *command).stdout


def shell(image: str, script: str, *options: str) -> str:
    """Return the stdout of a shell script in a new container of `image`; it must succeed."""
    return inside(image, "sh", "-c", script, options=options)


def config(image: str) -> dict:
    """Return the configuration of `image`: User, Env, Labels and so on."""
    return json.loads(docker("image", "inspect", "--format", "{{json .Config}}", image).stdout)


def labels(image: str) -> dict[str, str]:
    """Return the labels of `image`."""
    return config(image)["Labels"] or {}


def platform(image: str) -> str:
    """Return the platform of `image`, such as linux/arm64."""
    return docker("image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", image).stdout.strip()


def megabytes(image: str) -> int:
    """Return the size of `image` in MB, as `docker images` shows it."""
    return int(docker("image", "inspect", "--format", "{{.Size}}", image).stdout) // 1_000_000


@dataclass(frozen=True)
class Weight:
    """What an image weighs in MB: the base image that it stands on, and what is ours above that."""

    base: str
    base_megabytes: int
    ours: int

    def __str__(self) -> str:
        """Return both, and which base it is."""
        return f"{self.ours} MB on {self.base} of {self.base_megabytes} MB"


def weight(image: str, first_step: str) -> Weight:
    """Return what `image` weighs; `first_step` are words of the first step of ours above its base."""
    history = docker("history", "--no-trunc", "--human=false", "--format", "{{.Size}} {{.CreatedBy}}", image).stdout
    # The newest step comes first.
    steps = history.splitlines()
    first = max(number for number, step in enumerate(steps) if first_step in step)
    ours, base = (sum(int(step.split()[0]) for step in part) for part in (steps[: first + 1], steps[first + 1 :]))
    name = shell(image, '. /etc/os-release && echo "$PRETTY_NAME"', "--entrypoint", "").strip()
    return Weight(name, base // 1_000_000, ours // 1_000_000)


def exists(image: str) -> bool:
    """Return whether the engine has `image`."""
    return docker("image", "inspect", image, ok=False).returncode == 0


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, an error's too."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def value(self) -> object:
        """Return the body, parsed as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Service:
    """A running container and the address at which this machine reaches its port."""

    container: str
    address: str

    def get(self, path: str = "/") -> Answer:
        """Return the answer to GET."""
        return _send(urllib.request.Request(self.address + path))

    def predict(self, body: bytes, kind: str = "application/json", path: str = "/predict") -> Answer:
        """Return the answer to POST /predict, or to another path."""
        asked = urllib.request.Request(self.address + path, data=body, headers={"Content-Type": kind})
        return _send(asked)

    def logs(self) -> str:
        """Return everything that the container has written so far."""
        done = docker("logs", self.container)
        return done.stdout + done.stderr

    def exec(self, *command: str) -> str:
        """Return the stdout of a command in the running container; it must succeed."""
        return docker("exec", self.container, *command).stdout

    def stop(self, grace: int) -> int:
        """Return the exit status after `docker stop`, which kills after `grace` seconds: 137 then."""
        docker("stop", "--time", str(grace), self.container)
        return self.exit_status()

    def exit_status(self) -> int:
        """Return the exit status of the container."""
        return int(docker("inspect", "--format", "{{.State.ExitCode}}", self.container).stdout)

    def is_running(self) -> bool:
        """Return whether the container still runs."""
        return docker("inspect", "--format", "{{.State.Running}}", self.container).stdout.strip() == "true"


@contextmanager
def service(image: str, *options: str, port: int = 8080, command: tuple[str, ...] = ()) -> Iterator[Service]:
    """Run `image` as a user would and yield it once it is ready; the container is removed at the end."""
    with container(image, *options, "--publish", f"127.0.0.1::{port}", command=command) as name:
        published = docker("port", name, f"{port}/tcp", ok=False).stdout.split()
        assert published, f"it ended at once:\n{Service(name, '').logs()}"
        running = Service(name, f"http://{published[0]}")
        wait_until_ready(running)
        yield running


def answer(image: str, body: bytes = b"[1, 2]", *options: str) -> object:
    """Return the value that a service of `image` predicts for `body`; it must be one."""
    with service(image, *options) as running:
        got = running.predict(body)
        assert got.status == 200, got.body
        return got.value


@contextmanager
def container(image: str, *options: str, command: tuple[str, ...] = ()) -> Iterator[str]:
    """Run `image` in the background and yield the container's name; it is removed at the end."""
    name = docker("run", "--detach", *options, image, *command).stdout.strip()
    try:
        yield name
    finally:
        docker("rm", "--force", "--volumes", name)


def wait_until_ready(running: Service) -> None:
    """Return when GET /readyz is 200; fail with the log when the container ends or takes too long."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        assert running.is_running(), f"it ended with {running.exit_status()}:\n{running.logs()}"
        try:
            if running.get("/readyz").status == 200:
                return
        except OSError:
            pass  # Nothing listens yet; Docker's own proxy accepts and drops the connection.
        time.sleep(0.1)
    raise AssertionError(f"not ready after {START_SECONDS} s:\n{running.logs()}")


def _send(asked: urllib.request.Request) -> Answer:
    try:
        with _OPENER.open(asked, timeout=120) as got:
            return Answer(got.status, got.read(), dict(got.headers))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read(), dict(error.headers))
