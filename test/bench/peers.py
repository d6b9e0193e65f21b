"""The servers that the bench compares, each in an environment of its own, made when it is first wanted."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from nb_builder import pip_settings

ROOT = Path(__file__).parents[2]
HOME = Path(os.environ.get("NB_BUILDER_HOME", ROOT / ".nb-builder"))
PLACE = HOME / "bench"
SERVERS = Path(__file__).parent / "servers"
EXAMPLE = ROOT / "docs/examples/kmeans"
# Neither side is to compile less than it would by itself; one native thread each, as our scorers have.
ENVIRON = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
ENVIRON.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
BATCH_CELL = "def batch_predictor(xs):\n    return kmodel.predict(xs).tolist()\n"
SAMPLE = "[0.2, 0.7]"
V2 = '{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [0.2, 0.7]}]}'
START_SECONDS = 90


@dataclass(frozen=True)
class Peer:
    """One server: what pip installs for it, how it starts ({port} is filled in), and what it is asked."""

    name: str
    says: str
    packages: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    path: str = "/predict"
    body: str = SAMPLE
    kind: str = "application/json"
    optional: bool = False


PEERS = (
    Peer("nb", "nb-builder, 2 scorers"),
    Peer("nb-batch", "nb-builder with batch_predictor, 2 scorers"),
    Peer(
        "prototype",
        "Flask's development server, form field (2018)",
        ("flask",),
        ("python", "flask_app.py", "{port}"),
        path="/form",
        body="json_args=%5B0.2%2C0.7%5D",
        kind="application/x-www-form-urlencoded",
    ),
    Peer(
        "waitress",
        "Flask + waitress, defaults",
        ("flask", "waitress"),
        ("waitress-serve", "--port={port}", "flask_app:app"),
    ),
    Peer(
        "gunicorn",
        "Flask + gunicorn gthread, 2 workers x 4 threads",
        ("flask", "gunicorn"),
        ("gunicorn", "-b127.0.0.1:{port}", "-w2", "-kgthread", "--threads=4", "flask_app:app"),
    ),
    Peer(
        "fastapi",
        "FastAPI + uvicorn, 2 workers",
        ("fastapi", "uvicorn[standard]"),
        ("uvicorn", "--port={port}", "--workers=2", "--no-access-log", "fastapi_app:app"),
    ),
    Peer(
        "asgi",
        "bare ASGI + uvicorn, 2 workers",
        ("uvicorn[standard]",),
        ("uvicorn", "--port={port}", "--workers=2", "--no-access-log", "asgi_app:app"),
    ),
    Peer(
        "granian",
        "granian, bare WSGI, 2 workers",
        ("granian",),
        ("granian", "--port={port}", "--interface=wsgi", "--workers=2", "--no-access-log", "wsgi_app:app"),
    ),
    Peer(
        "mlserver",
        "MLServer, its default of one parallel worker",
        ("mlserver", "uvloop<0.22"),
        ("mlserver", "start", "{folder}"),
        path="/v2/models/kmeans/infer",
        body=V2,
    ),
    Peer(
        "bentoml",
        "BentoML, 2 workers",
        ("bentoml",),
        ("bentoml", "serve", "bento_service:Kmeans", "--port={port}"),
        body='{"x": [0.2, 0.7]}',
    ),
    Peer("ray", "Ray Serve, @serve.batch", ("ray[serve]",), ("python", "ray_service.py", "{port}"), optional=True),
    Peer(
        "triton",
        "NVIDIA Triton (nvidia-pytriton), dynamic batcher",
        ("nvidia-pytriton", "numpy<2"),
        ("python", "triton_service.py", "{port}"),
        path="/v2/models/kmeans/infer",
        body=V2,
        optional=True,
    ),
)


class Running:
    """A started server."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.port = free_port()
        self._log = (PLACE / f"{peer.name}.log").open("w")
        command, environ = _ours(peer) if peer.name.startswith("nb") else _command(peer, self.port)
        self.process = subprocess.Popen(
            command,
            env={**environ, "PORT": str(self.port)},
            cwd=SERVERS,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait(self) -> bool:
        """Return whether it listens and answers before START_SECONDS are over."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            if self._answers():
                return True
            time.sleep(0.2)
        return False

    def _answers(self) -> bool:
        head = f"POST {self.peer.path} HTTP/1.0\r\nHost: x\r\nContent-Type: {self.peer.kind}\r\n"
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as client:
                client.sendall(f"{head}Content-Length: {len(self.peer.body)}\r\n\r\n{self.peer.body}".encode())
                return client.recv(12).endswith(b" 200")
        except OSError:
            return False

    def cpu(self) -> float:
        """Return the CPU seconds of all its processes so far."""
        ticks = 0
        for pid in tree(self.process.pid):
            try:
                ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:15]))
            except (FileNotFoundError, ProcessLookupError):
                continue
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End it with all its processes."""
        pids = tree(self.process.pid)
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        for pid in pids:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                continue
        self.process.wait()
        self._log.close()


def tree(pid: int) -> list[int]:
    """Return `pid` and the process ids of all that descend from it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return [pid]
    return [pid, *(one for child in children for one in tree(int(child)))]


def free_port() -> int:
    """Return a port that nobody listens on, with some free ones after it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def built(name: str) -> Path:
    """Return the APP_ROOT of the running example, with batch_predictor for nb-batch; build it if it is not there."""
    app_root, source = PLACE / f"app-root-{name}", PLACE / f"source-{name}"
    if (app_root / "model/manifest.json").exists():
        return app_root
    for folder in (app_root, source):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(EXAMPLE, source)
    if name == "nb-batch":
        notebook = json.loads((source / "model.ipynb").read_text())
        cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": BATCH_CELL}
        notebook["cells"].append({**cell, "id": "batch"} if notebook["nbformat_minor"] >= 5 else cell)
        (source / "model.ipynb").write_text(json.dumps(notebook))
    environ = {**ENVIRON, "NB_BUILDER_HOME": str(HOME), "APP_ROOT": str(app_root), "S2I_SRC": str(source)}
    _run([ROOT / "s2i/bin/assemble"], environ)
    return app_root


def _ours(peer: Peer) -> tuple[list, dict]:
    environ = {**ENVIRON, "APP_ROOT": str(built(peer.name)), "S2I_HOST": "127.0.0.1", "WEB_CONCURRENCY": "2"}
    return [HOME / "service/bin/python", "-I", "-m", "nb_service"], environ


def _command(peer: Peer, port: int) -> tuple[list, dict]:
    """Return (command, environment) of a peer, its own environment made where it is not there."""
    folder = _environment(peer)
    filled = [word.format(port=port, folder=folder / "settings") for word in peer.command]
    model = built("nb-batch") / "model/model.pickle"
    _mlserver_settings(folder / "settings", port)
    path = f"{folder}/bin:{os.environ['PATH']}"
    environ = {**ENVIRON, "BENCH_MODEL": str(model), "PYTHONPATH": str(SERVERS), "PATH": path}
    return [folder / "bin" / filled[0], *filled[1:]], environ


def _mlserver_settings(folder: Path, port: int) -> None:
    folder.mkdir(exist_ok=True)
    ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    (folder / "settings.json").write_text(json.dumps({**ports, "host": "127.0.0.1", "debug": False}))
    (folder / "model-settings.json").write_text(
        json.dumps({"name": "kmeans", "implementation": "mlserver_model.Kmeans"})
    )


def _environment(peer: Peer) -> Path:
    """Return the peer's environment: its own packages beside the pins that the model was built with."""
    folder = PLACE / peer.name
    if (folder / "made").exists():
        return folder
    lock = built("nb-batch") / "build/requirements.txt"
    python = (built("nb-batch") / "venv/bin/python").resolve()
    settings = {**ENVIRON, **pip_settings.for_uv(pip_settings.read(os.environ), os.environ)[0]}
    uv = HOME / "build/bin/uv"
    _run([uv, "venv", "--quiet", "--clear", "--python", python, folder], settings)
    pins = [line.partition("#")[0].strip() for line in lock.read_text().splitlines() if line[:1].isalnum()]
    cloudpickle = json.loads((built("nb-batch") / "model/manifest.json").read_text())["cloudpickle"]
    pins = [pin for pin in pins if pin != "cloudpickle"] + [f"cloudpickle=={cloudpickle}"]
    if any(package.startswith("numpy<") for package in peer.packages):
        pins = [pin for pin in pins if not pin.startswith("numpy")]
    _run([uv, "pip", "install", "--quiet", "--python", folder, *pins, *peer.packages], settings)
    (folder / "made").touch()
    return folder


def _run(command: list, environ: dict) -> None:
    ran = subprocess.run(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ran.returncode:
        raise RuntimeError(f"{Path(command[0]).name} ended with {ran.returncode}:\n{ran.stdout[-2000:]}")


def wanted(names: str) -> list[Peer]:
    """Return the peers with these names, or all that are not optional; raise SystemExit for an unknown name."""
    chosen = names.replace(",", " ").split()
    known = {peer.name: peer for peer in PEERS}
    unknown = [name for name in chosen if name not in known]
    if unknown:
        sys.exit(f"there is no peer {unknown[0]!r}; there are: {', '.join(known)}")
    return [known[name] for name in chosen] or [peer for peer in PEERS if not peer.optional]
