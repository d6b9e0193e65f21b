"""Machines of tests' own, for engines whose whole state a test changes: privileged containers with Debian's packages.

The engine that starts them may be somebody's own: a Swarm is none of its business, and neither are images under names
of others.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import shared
from engine import bases, docker, provide

START_SECONDS = 120
INSTALL = """
FROM {base}
RUN apt-get -o Acquire::Retries=5 update \\
 && DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=5 install -y --no-install-recommends {packages}
"""

# Not --privileged, which wants all capabilities: those who start tests in a container or a small virtual machine may
# lack some of them.
RIGHTS = (
    *("--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN", "--cap-add", "SYS_PTRACE", "--cgroupns", "private"),
    *("--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"),
    *("--security-opt", "systempaths=unconfined", "--tmpfs", "/run", "--tmpfs", "/tmp:exec"),  # noqa: S108 - of the machine
)
COMMON = "mount -o remount,rw /sys && mount --make-rshared /"
# Containers of the machine's get control groups below its own. In the second version a group that has processes has
# no others below, so that the machine's go into one alongside.
DOCKERD = f"""{COMMON}
for path in /sys/fs/cgroup /sys/fs/cgroup/*; do
    if mountpoint -q "$path"; then mount -o remount,rw,bind "$path"; fi
done
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mkdir /sys/fs/cgroup/init && echo 0 > /sys/fs/cgroup/init/cgroup.procs
    sed 's/^/+/; s/ / +/g' /sys/fs/cgroup/cgroup.controllers > /sys/fs/cgroup/cgroup.subtree_control
fi
exec dockerd"""
# systemd of trixie knows the second version alone; where the machine has the first, this one has no controllers.
SYSTEMD = f"""{COMMON}
umount --recursive /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /etc/containers/containers.conf.d
grep -qw pids /sys/fs/cgroup/cgroup.controllers \\
    || printf '[containers]\\npids_limit = 0\\n' > /etc/containers/containers.conf.d/pids.conf
exec /sbin/init"""


class Machine:
    """A container that is a machine; `engine` is the name of the program that its containers are asked of."""

    def __init__(self, container: str, engine: str) -> None:
        self._container = container
        self._engine = engine

    def run(self, *command: str, stdin: bytes | None = None, ok: bool = True) -> subprocess.CompletedProcess:
        """Return the result of a command on the machine; with `ok` it must have succeeded."""
        return docker.docker("exec", "--interactive", self._container, *command, ok=ok, stdin=stdin)

    def engine(self, *words: str) -> str:
        """Return the stdout of the machine's own engine."""
        return self.run(self._engine, *words).stdout

    def has(self, *words: str) -> bool:
        """Return whether a command of the machine's own engine succeeds."""
        return self.run(self._engine, *words, ok=False).returncode == 0

    def take(self, images: dict[str, str]) -> None:
        """Give the machine's engine images of ours, as {our name: name there}."""
        saving = subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE)
        with saving as saved:
            loading = ["docker", "exec", "--interactive", self._container, self._engine, "load"]
            loaded = subprocess.run(loading, stdin=saved.stdout, capture_output=True, text=True)
        assert (saving.returncode, loaded.returncode) == (0, 0), loaded.stderr
        for ours, name in images.items():
            self.run(self._engine, "tag", ours, name)

    def log(self) -> str:
        """Return what its first process has written."""
        done = docker.docker("logs", self._container, ok=False)
        return done.stdout + done.stderr

    def port(self, port: int) -> tuple[str, int]:
        """Return the address at which this machine's port is reached from here."""
        host, _, published = docker.docker("port", self._container, f"{port}/tcp").stdout.split()[0].rpartition(":")
        return host, int(published)


def image(kind: str, suite: str, *packages: str) -> str:
    """Return the name of an image of a Debian with `packages`, made once in a run; raise Missing without a base."""

    def make() -> str:
        base = shared.once(f"base-{suite}", lambda: bases.base(suite))
        name = f"{shared.name()}-{kind}"
        provide.say(f"making an image with {', '.join(packages)}")
        docker.docker(
            "build", "--tag", name, "-", stdin=INSTALL.format(base=base, packages=" ".join(packages)).encode()
        )
        # Under a name that stays, so that the next run finds it in the engine's cache.
        docker.docker("tag", name, f"nb-builder-candidate-{kind}")
        return name

    return shared.once(kind, make)


@contextmanager
def swarm(files: Path, ports: tuple[int, ...]) -> Iterator[Machine]:
    """Yield a machine that is a Swarm of one node, has `files` at their place and publishes `ports`."""
    name = image("swarm-node", "bookworm", "docker.io", "iptables")
    with _machine(name, "/var/lib/docker", files, ports, DOCKERD) as container:
        node = Machine(container, "docker")
        _wait(node, "docker", "version")
        node.engine("swarm", "init", "--advertise-addr", "127.0.0.1")
        yield node


@contextmanager
def podman(files: Path, ports: tuple[int, ...]) -> Iterator[Machine]:
    """Yield a machine with podman under systemd; it has `files` at their place and publishes `ports`."""
    packages = (
        "podman",
        "crun",
        "netavark",
        "aardvark-dns",
        "nftables",
        "iproute2",
        "systemd-sysv",
        "dbus",
        "catatonit",
    )
    # Quadlet came after the podman of bookworm.
    name = image("podman-node", "trixie", *packages)
    with _machine(name, "/var/lib/containers", files, ports, SYSTEMD) as container:
        node = Machine(container, "podman")
        _wait(node, "systemctl", "is-active", "--quiet", "multi-user.target")
        yield node


@contextmanager
def _machine(name: str, state: str, files: Path, ports: tuple[int, ...], script: str) -> Iterator[str]:
    published = [word for port in ports for word in ("--publish", f"127.0.0.1::{port}")]
    # Overlays of overlays are none: what the engine keeps is on a volume.
    volumes = ("--volume", state, "--volume", f"{files}:{files}:ro")
    options = (*RIGHTS, *volumes, *published, "--env", "container=docker")
    with docker.container(name, *options, command=("sh", "-c", script)) as container:
        yield container


def _wait(machine: Machine, *command: str) -> None:
    """Return once a command succeeds on the machine; raise Missing where it does not in time."""
    until = time.monotonic() + START_SECONDS
    while machine.run(*command, ok=False).returncode:
        if time.monotonic() > until:
            raise provide.Missing(
                "a machine of its own in a container", f"it does not start here: {machine.log()[-2000:]}"
            )
        time.sleep(0.2)
