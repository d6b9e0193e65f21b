"""The container engine of a run: one of its own, with images of its own, or the one that is already running.

The root user on Debian or Ubuntu gets an engine of the run's own, also alongside one that is running. Its images are in
`.nb-builder/engine`; it changes no rule of the other engine's network. Other users get the engine that answers them.
"""

import fcntl
import ipaddress
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import shared
from engine import provide

START_SECONDS = 60
STARTS = 3
DEFAULT_HOST = "unix:///var/run/docker.sock"
# Set by us, because a bridge without one takes the lowest of its containers': each that came or went could
# change it, and the others sent into the void until they asked again (one container in seventy, for 10 to 50 s).
BRIDGE_MAC = "02:42:c6:33:64:01"
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


@dataclass(frozen=True)
class Place:
    """What an engine of ours has for itself: the folder with its images, a bridge, and networks.

    `networks` are the bridge's, and the one from which others get theirs.
    """

    images: Path
    bridge: str
    address: str
    networks: tuple[str, str]


# From the blocks for documentation and benchmarks: no real network has these addresses.
KEPT = Place(
    provide.ROOT / ".nb-builder" / "engine", "nb-builder0", "198.51.100.1/24", ("198.51.100.0/24", "198.18.0.0/16")
)


@dataclass(frozen=True)
class Engine:
    """An engine by its DOCKER_HOST; `is_own` is whether all that it has was made by this run or an earlier one."""

    host: str
    is_own: bool


@contextmanager
def running() -> Iterator[Engine]:
    """Yield the engine of this run; raise Missing where none runs and none may be started."""
    if not os.environ.get("DOCKER_HOST") and provide.is_root_on_debian():
        _install()
        with _alone(), tempfile.TemporaryDirectory(prefix="nb-engine-") as folder, own(Path(folder), KEPT) as host:
            yield Engine(host, is_own=True)
        return
    host = os.environ.get("DOCKER_HOST", DEFAULT_HOST)
    if not shutil.which("docker") or not answers(host):
        raise provide.Missing("a container engine", f"start Docker so that it answers at {host}")
    yield Engine(host, is_own=False)


def answers(host: str) -> bool:
    """Return whether an engine answers at `host`."""
    asked = subprocess.run(["docker", "-H", host, "version"], capture_output=True)
    return asked.returncode == 0


def _install() -> None:
    packages = {"dockerd": "docker.io", "docker": "docker.io", "iptables": "iptables", "ip": "iproute2"}
    lacking = {package for program, package in packages.items() if not provide.path(program)}
    if lacking:
        provide.apt("a container engine", *sorted(lacking))


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other run has an engine of its own: two would share a bridge, and perhaps their images.

    Raise Missing if this run ends meanwhile.
    """
    with open(Path(tempfile.gettempdir()) / "nb-builder-engine.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            provide.say("another run of the image tests has its container engine; waiting until that stops")
            _wait_for(lock)
        yield


def _wait_for(lock: IO) -> None:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if shared.folder() and shared.is_over():
                raise provide.Missing("a container engine", "wait until the other run of the tests is over") from None
            time.sleep(0.5)
        else:
            return


@contextmanager
def own(folder: Path, place: Place) -> Iterator[str]:
    """Yield DOCKER_HOST of an engine of our own, whose sockets are in `folder`; its images stay."""
    provide.say("starting a container engine of our own (dockerd), stopped at the end")
    host = f"unix://{folder}/docker.sock"
    with _bridge(place), open(folder / "log", "wb") as log:
        engine = _started(folder, host, place, log)
        try:
            yield host
        finally:
            _stop(engine, place)
            provide.say("stopped our container engine")


def _started(folder: Path, host: str, place: Place, log: IO) -> subprocess.Popen:
    """Return an engine that answers; raise Missing where none does.

    dockerd gives up on its containerd after 15 seconds, which a busy machine may take.
    """
    for turn in range(STARTS):
        engine = subprocess.Popen(_command(folder, host, place), stdout=log, stderr=log, start_new_session=True)
        try:
            _wait(engine, host, folder / "log")
        except provide.Missing:
            _stop(engine, place)
            if turn + 1 == STARTS:
                raise
        else:
            return engine
    raise AssertionError


def _stop(engine: subprocess.Popen, place: Place) -> None:
    engine.terminate()
    engine.wait(START_SECONDS)
    # An engine that could not start leaves its folder mounted on itself.
    if os.path.ismount(place.images):
        subprocess.run(["umount", "--recursive", place.images], capture_output=True)


def _command(folder: Path, host: str, place: Place) -> list[str]:
    place.images.mkdir(parents=True, exist_ok=True)
    return [
        "dockerd", f"--host={host}", f"--data-root={place.images}", f"--exec-root={folder}/exec",
        f"--pidfile={folder}/pid", f"--bridge={place.bridge}", f"--mtu={_mtu()}",
        # An engine makes the chains of its rules again when it starts, those of another one included.
        "--iptables=false", f"--default-address-pool=base={place.networks[1]},size=24",
        # A containerd that is running serves both.
        f"--containerd-namespace={place.bridge}", f"--containerd-plugins-namespace={place.bridge}-plugins",
    ]  # fmt: skip


def _wait(engine: subprocess.Popen, host: str, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while not answers(host):
        if engine.poll() is not None or time.monotonic() > until:
            last = log.read_text(errors="replace")[-2000:]
            raise provide.Missing("a container engine", f"dockerd does not start here: {last}")
        time.sleep(0.2)


@contextmanager
def _bridge(place: Place) -> Iterator[None]:
    """Keep a bridge and rules of our own while the engine runs, so that no other engine's network is touched."""
    _remove_bridges(place)
    forwarding = FORWARDING.read_text(encoding="ascii")
    provide.call("ip", "link", "add", place.bridge, "address", BRIDGE_MAC, "type", "bridge")
    try:
        provide.call("ip", "address", "add", place.address, "dev", place.bridge)
        provide.call("ip", "link", "set", place.bridge, "up")
        for rule in _rules(place):
            # What a killed run has left is there already.
            if _iptables("-C", rule).returncode:
                provide.call(*_words("-I", rule))
        yield
    finally:
        for rule in _rules(place):
            _iptables("-D", rule)
        _remove_bridges(place)
        FORWARDING.write_text(forwarding, encoding="ascii")


def _remove_bridges(place: Place) -> None:
    """Remove the bridge and those of the engine's networks, which dockerd leaves when it stops.

    Two interfaces with the same network take each other's packets.
    """
    ours = [ipaddress.ip_network(network) for network in place.networks]
    for interface in json.loads(provide.call("ip", "-json", "-4", "address")):
        addresses = [ipaddress.ip_address(row["local"]) for row in interface["addr_info"]]
        if interface["ifname"] == place.bridge or any(one in network for one in addresses for network in ours):
            provide.call("ip", "link", "delete", interface["ifname"])


def _rules(place: Place) -> Iterator[list[str]]:
    """Yield our rules of iptables, each as table, chain and what follows."""
    for network in place.networks:
        yield ["nat", "POSTROUTING", "-s", network, "!", "-d", network, "-j", "MASQUERADE"]
        yield ["filter", "FORWARD", "-s", network, "-j", "ACCEPT"]
        yield ["filter", "FORWARD", "-d", network, "-j", "ACCEPT"]


def _words(action: str, rule: list[str]) -> list[str]:
    return ["iptables", "--wait", "-t", rule[0], action, *rule[1:]]


def _iptables(action: str, rule: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run(_words(action, rule), capture_output=True)


def _mtu() -> int:
    """Return the smallest packet size of this machine's interfaces: larger ones would be lost on the way."""
    sizes = [int((card / "mtu").read_text()) for card in Path("/sys/class/net").iterdir() if (card / "mtu").exists()]
    return min([1500, *sizes])
