"""The container engine: the one that runs here, or our own, started and stopped."""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine import provide

START_SECONDS = 60
BRIDGE = "nb-builder0"
# From the block for documentation: no real network has these addresses.
BRIDGE_ADDRESS = "198.51.100.1/24"
# Set by us, because a bridge without one takes the lowest of its containers': each that came or went could
# change it, and the others sent into the void until they asked again (one container in seventy, for 10 to 50 s).
BRIDGE_MAC = "02:42:c6:33:64:01"
NETWORK = "198.51.100.0/24"


@contextmanager
def running() -> Iterator[str]:
    """Yield DOCKER_HOST of an engine; raise Missing where there is none and none may be started."""
    if shutil.which("docker") and answers(host := os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")):
        yield host
        return
    _install()
    with _alone(), tempfile.TemporaryDirectory(prefix="nb-engine-") as folder, _own(Path(folder)) as host:
        yield host


def answers(host: str) -> bool:
    """Return whether an engine answers at `host`."""
    asked = subprocess.run(["docker", "-H", host, "version"], capture_output=True)
    return asked.returncode == 0


def _install() -> None:
    if not provide.is_root_on_debian():
        raise provide.Missing("start a container engine (Docker), or run as root on Debian")
    packages = {"dockerd": "docker.io", "docker": "docker.io", "iptables": "iptables", "ip": "iproute2"}
    lacking = {package for program, package in packages.items() if not shutil.which(program)}
    if lacking:
        provide.apt(*sorted(lacking))
    if lacking and Path("/run/systemd/system").exists():
        # Debian starts it on installation; ours below is the one that is stopped at the end.
        provide.call("systemctl", "stop", "docker.socket", "docker.service", "containerd.service")


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other run has an engine of its own: two would share a bridge, and perhaps their images."""
    with open(Path(tempfile.gettempdir()) / "nb-builder-engine.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            provide.say("another run of the image tests has its container engine; waiting until that stops")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _own(folder: Path) -> Iterator[str]:
    """Yield DOCKER_HOST of an engine of our own, whose sockets are in `folder` and whose images are kept."""
    provide.say("starting a container engine of our own (dockerd), stopped at the end")
    host = f"unix://{folder}/docker.sock"
    with _bridge(), open(folder / "log", "wb") as log:
        engine = subprocess.Popen(_command(folder, host), stdout=log, stderr=log, start_new_session=True)
        try:
            _wait(engine, host, folder / "log")
            yield host
        finally:
            engine.terminate()
            engine.wait(START_SECONDS)
            provide.say("stopped our container engine")


def _command(folder: Path, host: str) -> list[str]:
    kept = provide.ROOT / ".nb-builder" / "engine"
    kept.mkdir(parents=True, exist_ok=True)
    return [
        "dockerd", f"--host={host}", f"--data-root={kept}", f"--exec-root={folder}/exec",
        f"--pidfile={folder}/pid", f"--bridge={BRIDGE}", f"--mtu={_mtu()}",
    ]  # fmt: skip


def _wait(engine: subprocess.Popen, host: str, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while not answers(host):
        if engine.poll() is not None or time.monotonic() > until:
            raise provide.Missing(f"dockerd does not start here: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.2)


@contextmanager
def _bridge() -> Iterator[None]:
    """Keep a bridge of our own while the engine runs, so that no other engine's network is touched."""
    subprocess.run(["ip", "link", "delete", BRIDGE], capture_output=True)
    provide.call("ip", "link", "add", BRIDGE, "address", BRIDGE_MAC, "type", "bridge")
    try:
        provide.call("ip", "address", "add", BRIDGE_ADDRESS, "dev", BRIDGE)
        provide.call("ip", "link", "set", BRIDGE, "up")
        yield
    finally:
        provide.call("ip", "link", "delete", BRIDGE)
        # dockerd leaves its rule for a bridge that is no more.
        rule = ["-D", "POSTROUTING", "-s", NETWORK, "!", "-o", BRIDGE, "-j", "MASQUERADE"]
        subprocess.run(["iptables", "-t", "nat", *rule], capture_output=True)


def _mtu() -> int:
    """Return the smallest packet size of this machine's interfaces: larger ones would be lost on the way."""
    sizes = [int((card / "mtu").read_text()) for card in Path("/sys/class/net").iterdir() if (card / "mtu").exists()]
    return min([1500, *sizes])
