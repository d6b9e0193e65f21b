"""The container engine: the one that runs here, or our own, started and stopped."""

import fcntl
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine import provide

START_SECONDS = 60
# How often an engine of our own is asked, and for how long it may be silent, which a busy machine does not explain.
ASK_SECONDS = 15
SILENT_SECONDS = 90
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
    with _bridge():
        engine = _Engine(folder)
        try:
            engine.start()
            over = threading.Event()
            watch = threading.Thread(target=engine.watch, args=(over,))
            watch.start()
            try:
                yield engine.host
            finally:
                over.set()
                watch.join()
        finally:
            engine.stop()
            provide.say("stopped our container engine")


class _Engine:
    """A dockerd with its sockets and its log in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.host = f"unix://{folder}/docker.sock"
        self._folder = folder
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start it, and wait until it answers; raise Missing where it does not."""
        with open(self._folder / "log", "ab") as log:
            command = _command(self._folder, self.host)
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        _wait(self._process, self.host, self._folder / "log")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(START_SECONDS)

    def watch(self, over: threading.Event) -> None:
        """Start it anew whenever it has gone silent, until `over` is set.

        Ends of containers can leave Docker 20.10 waiting for itself (libnetwork takes the locks of its controller and
        of a network in either order). It costs the tests that wait for it then, and not all that come.
        """
        while not over.wait(ASK_SECONDS):
            # What needs both locks.
            asked = ["docker", "-H", self.host, "network", "ls"]
            try:
                subprocess.run(asked, capture_output=True, timeout=SILENT_SECONDS)
            except subprocess.TimeoutExpired:
                provide.say(f"our container engine has not answered for {SILENT_SECONDS} s: starting it anew")
                if self._process is not None:
                    self._process.kill()
                    self._process.wait()
                self.start()


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
