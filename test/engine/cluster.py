"""A cluster of Kubernetes on this machine: one node, whole, made of its Go modules, in namespaces of its own.

What it is made of is kept alongside what else tests fetch, under the digest of what it was built from.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import shared
from engine import docker, go_tool, provide

MODULE = provide.ROOT / "test" / "kubernetes"
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet")
# Debian's package of each program that the node calls.
PACKAGES = {
    "containerd": "containerd",
    "ip": "iproute2",
    "nft": "nftables",
    "openssl": "openssl",
    "runc": "runc",
    "sysctl": "procps",
}
PLUGINS = Path("/usr/lib/cni")
START_SECONDS = 180


class Cluster:
    """A node that runs; `pid` is the process whose namespaces it has."""

    def __init__(self, folder: Path, pid: int) -> None:
        self._folder = folder
        self._pid = pid

    def kubectl(self, *words: str, text: str = "") -> str:
        """Return the output of kubectl, which reads `text`; raise RuntimeError if it fails."""
        ran = self.run("kubectl", *words, text=text)
        if ran.returncode:
            raise RuntimeError(f"kubectl {' '.join(words)} failed:\n{ran.stdout}{ran.stderr}")
        return ran.stdout

    def get(self, *words: str) -> dict:
        """Return an object of the cluster, or a list of them."""
        return json.loads(self.kubectl("get", *words, "--output", "json"))

    def run(self, *command: str, text: str = "") -> subprocess.CompletedProcess:
        """Run a command alongside the node's components, as a host of pods that reaches all of them."""
        return subprocess.run(self._inside(command), input=text, capture_output=True, text=True, env=self._environ())

    def start(self, *command: str) -> subprocess.Popen:
        """Start such a command, with pipes to it and from it."""
        pipe = subprocess.PIPE
        return subprocess.Popen(self._inside(command), stdin=pipe, stdout=pipe, text=True, env=self._environ())

    def _inside(self, command: Sequence[str]) -> list[str]:
        return ["nsenter", "--target", str(self._pid), "--mount", "--net", "--pid", *command]

    def _environ(self) -> dict[str, str]:
        path = f"{programs()}:{os.environ['PATH']}"
        return {**os.environ, "KUBECONFIG": str(self._folder / "keys" / "admin.conf"), "PATH": path}

    @contextmanager
    def namespace(self, name: str) -> Iterator["Namespace"]:
        """Yield a namespace of the cluster, which ends with the block, and all that is in it."""
        self.kubectl("create", "namespace", name)
        try:
            yield Namespace(self, name)
        finally:
            self.kubectl("delete", "namespace", name, "--wait=false")


class Namespace:
    """A namespace of a cluster."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name

    def kubectl(self, *words: str, text: str = "") -> str:
        """Return the output of kubectl, as Cluster.kubectl does."""
        return self.cluster.kubectl("--namespace", self.name, *words, text=text)

    def get(self, *words: str) -> dict:
        """Return an object of this namespace, or a list of them."""
        return self.cluster.get("--namespace", self.name, *words)

    def apply(self, item: dict) -> None:
        """Have the cluster be as `item` says, and refuse what it does not know."""
        self.kubectl("apply", "--validate=strict", "--filename", "-", text=json.dumps(item))

    def wait(self, what: str, condition: str, seconds: int = 120) -> None:
        """Wait until `what` is in this condition; raise RuntimeError with the state of all pods where it is not."""
        try:
            self.kubectl("wait", f"--for={condition}", what, f"--timeout={seconds}s")
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{self.kubectl('describe', 'pods')}") from error


@contextmanager
def running(*images: str) -> Iterator[Cluster]:
    """Yield a cluster that has these images of the engine; raise Missing where there can be none."""
    _install()
    programs()
    with tempfile.TemporaryDirectory(prefix="nb-cluster-") as name:
        folder = Path(name)
        archive = folder / "images.tar"
        pause = _pause()
        docker.docker("save", "--output", str(archive), pause, *images)
        with open(folder / "words", "wb") as words:
            groups = _groups()
            command = [MODULE / "node.sh", programs(), PLUGINS, folder, f"docker.io/library/{pause}", archive]
            namespaces = ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]
            node = subprocess.Popen(
                [*namespaces, *map(str, command)], stdin=subprocess.DEVNULL, stdout=words, stderr=words
            )
            try:
                yield Cluster(folder, _ready(node, folder / "words"))
            finally:
                # unshare ends by no other signal, and all of the node with it.
                node.send_signal(signal.SIGKILL)
                node.wait()
                _remove(_groups() - groups)


def programs() -> Path:
    """Return the folder of all components, built if they don't exist; raise Missing where they can't be."""
    sources = [MODULE / name for name in ("go.sum", "main.go")]
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    folder = provide.KEPT / f"kubernetes-{digest}"
    with shared.alone("kubernetes"):
        if not folder.exists():
            part = folder.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            provide.say("the first time, Kubernetes takes about five minutes to build on two cores")
            go_tool.build(MODULE, part / "kubernetes")
            (part / "pause").mkdir()
            go_tool.build(MODULE, part / "pause" / "pause", "./pause")
            for name in COMPONENTS:
                (part / name).symlink_to("kubernetes")
            part.rename(folder)
    return folder


def _install() -> None:
    lacking = {package for program, package in PACKAGES.items() if not shutil.which(program)}
    if not (PLUGINS / "bridge").exists():
        lacking.add("containernetworking-plugins")
    if lacking:
        provide.apt("what Kubernetes needs", *sorted(lacking))


def _pause() -> str:
    """Return the image, made again, of what holds a pod's namespaces."""
    name = f"{shared.name()}-pause:1"
    dockerfile = 'FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n'
    docker.docker("build", "--tag", name, "--file", "-", str(programs() / "pause"), stdin=dockerfile.encode())
    return name


def _ready(node: subprocess.Popen, words: Path) -> int:
    """Return the pid of the node's own first process, once all is ready; raise Missing where that does not come."""
    until = time.monotonic() + START_SECONDS
    while not words.read_text(errors="replace").endswith("ready\n"):
        if node.poll() is not None or time.monotonic() > until:
            raise provide.Missing("Kubernetes", f"it does not start here: {words.read_text(errors='replace')[-2000:]}")
        time.sleep(0.2)
    return int(Path(f"/proc/{node.pid}/task/{node.pid}/children").read_text().split()[0])


def _groups() -> set[Path]:
    """Return the control groups of this machine that containerd makes for Kubernetes, and those of pods."""
    root = Path("/sys/fs/cgroup")
    return {path for name in ("k8s.io", "kube*") for path in root.glob(f"**/{name}") if path.is_dir()}


def _remove(groups: set[Path]) -> None:
    """Remove control groups whose processes have exited, inner ones first."""
    for group in groups:
        for path, _, _ in os.walk(group, topdown=False):
            # Its last process may just be ending.
            for _ in range(50):
                try:
                    os.rmdir(path)
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.1)
