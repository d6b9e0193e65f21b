"""What the bench starts: our services built from the running example, and each peer's environment, made once."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from nb_builder.requirements import pip_config
from nb_scorer.model.manifest import FORMAT
from peers import PEERS, Peer

ROOT = Path(__file__).parents[2]
HOME = Path(os.environ.get("NB_BUILDER_HOME", ROOT / ".nb-builder"))
PLACE = HOME / "bench"
SERVERS = Path(__file__).parent / "servers"
EXAMPLE = ROOT / "docs/examples/kmeans"
# Neither side is to compile less than it would by itself.
COMPILING = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
# One native thread each, as our scorers have.
ENVIRON = {**COMPILING, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
BATCH_CELL = "def batch_predictor(xs):\n    return kmodel.predict(xs).tolist()\n"


def built(name: str, commit: str = "") -> Path:
    """Return the APP_ROOT of the running example, with batch_predictor for nb-batch; build it if it is not there.

    With `commit`, it is that commit's assemble that builds it.
    """
    root, home = checkout(commit)
    place = home / "bench"
    app_root, source = place / f"app-root-{name}", place / f"source-{name}"
    manifest = app_root / "model/manifest.json"
    # A commit's stays as it is; ours may be of a service that has changed since.
    if manifest.exists() and (commit or json.loads(manifest.read_text())["format"] == FORMAT):
        return app_root
    for folder in (app_root, source):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(EXAMPLE, source)
    if name.startswith("nb-batch"):
        notebook = json.loads((source / "model.ipynb").read_text())
        cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": BATCH_CELL}
        notebook["cells"].append({**cell, "id": "batch"} if notebook["nbformat_minor"] >= 5 else cell)
        (source / "model.ipynb").write_text(json.dumps(notebook))
    environ = {**ENVIRON, "NB_BUILDER_HOME": str(home), "APP_ROOT": str(app_root), "S2I_SRC": str(source)}
    run([root / "s2i/bin/assemble"], environ)
    return app_root


def pins(requirements: Sequence) -> list[str]:
    """Return the lines of requirements.txt that a notebook's `requirements` stand for."""
    return [entry if isinstance(entry, str) else "==".join(entry) for entry in requirements]


def checkout(commit: str) -> tuple[Path, Path]:
    """Return (source tree, home of its environments) of a commit of ours, made once; of what lies here without one."""
    if not commit:
        return ROOT, HOME
    tree = PLACE / f"at-{commit}"
    if not (tree / "s2i/install").exists():
        archive = PLACE / f"at-{commit}.tar"
        run(["git", "-C", ROOT, "archive", "--output", archive, commit], ENVIRON)
        shutil.unpack_archive(archive, tree)
        archive.unlink()
    run([tree / "s2i/install", tree / ".nb-builder"], ENVIRON)
    return tree, tree / ".nb-builder"


def command_of(peer: Peer, port: int) -> tuple[list, dict]:
    """Return (command, environment) that start it on `port`; make what it needs, raise RuntimeError if that fails."""
    return _ours(peer) if peer.name.startswith("nb") else _theirs(peer, port)


def _ours(peer: Peer) -> tuple[list, dict]:
    return service_of(built(peer.name, peer.commit), checkout(peer.commit)[1])


def service_of(app_root: Path, home: Path = HOME, **settings: str) -> tuple[list, dict]:
    """Return (command, environment) of our service of an APP_ROOT, with two scorers where `settings` say no other."""
    environ = {**ENVIRON, "APP_ROOT": str(app_root), "S2I_HOST": "127.0.0.1", "WEB_CONCURRENCY": "2", **settings}
    return [home / "service/bin/python", "-I", "-m", "nb_service"], environ


def _theirs(peer: Peer, port: int) -> tuple[list, dict]:
    environment, folder = _environment(peer), PLACE / f"{peer.name}-files"
    folder.mkdir(exist_ok=True)
    mlserver_settings(folder, port, dict(peer.settings))
    filled = [word.format(port=port, folder=folder) for word in peer.command]
    return inside(environment, built("nb-batch"), filled)


def inside(environment: Path, app_root: Path, command: Sequence[str]) -> tuple[list, dict]:
    """Return (command, environment) of a program of an environment, which finds servers/model.py and the pickle."""
    path = f"{environment}/bin:{os.environ['PATH']}"
    model = app_root / "model/model.pickle"
    environ = {**ENVIRON, "BENCH_MODEL": str(model), "PYTHONPATH": str(SERVERS), "PATH": path}
    return [environment / "bin" / command[0], *command[1:]], environ


def mlserver_settings(folder: Path, port: int, more: dict) -> None:
    """Write what MLServer reads in `folder`: its ports, `more` of its settings, and its model."""
    ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    where = {"host": "127.0.0.1", "metrics_dir": str(folder / "metrics")}
    (folder / "settings.json").write_text(json.dumps({**ports, **where, "debug": False, **more}))
    (folder / "model-settings.json").write_text(
        json.dumps({"name": "kmeans", "implementation": "mlserver_model.Kmeans"})
    )


def _environment(peer: Peer) -> Path:
    """Return the peer's environment: its own packages alongside the pins that the model was built with."""
    peer = next((other for other in PEERS if other.name == peer.shares), peer)
    return environment_with(peer.name, built("nb-batch"), peer.packages, peer.python)


def environment_with(name: str, app_root: Path, packages: Sequence[str], python: str = "") -> Path:
    """Return the folder of an environment, made once: the pins that a model was built with, and more packages."""
    folder = PLACE / name
    if (folder / "made").exists():
        return folder
    lock = app_root / "build/requirements.txt"
    made_with = python or (app_root / "venv/bin/python").resolve()
    settings = {**ENVIRON, **pip_config.for_uv(pip_config.read(os.environ), os.environ)[0]}
    uv = HOME / "build/bin/uv"
    run([uv, "venv", "--quiet", "--clear", "--python", made_with, folder], settings)
    pins = [line.partition("#")[0].strip() for line in lock.read_text().splitlines() if line[:1].isalnum()]
    cloudpickle = json.loads((app_root / "model/manifest.json").read_text())["cloudpickle"]
    pins = [pin for pin in pins if pin != "cloudpickle"] + [f"cloudpickle=={cloudpickle}"]
    if any(package.startswith("numpy<") for package in packages):
        pins = [pin for pin in pins if not pin.startswith("numpy")]
    run([uv, "pip", "install", "--quiet", "--python", folder, *pins, *packages], settings)
    (folder / "made").touch()
    return folder


def run(command: list, environ: dict) -> None:
    """Run a command; raise RuntimeError with the end of what it said where it fails."""
    ran = subprocess.run(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ran.returncode:
        raise RuntimeError(f"{Path(command[0]).name} ended with {ran.returncode}:\n{ran.stdout[-2000:]}")


def free_port() -> int:
    """Return a free port, with some free ones after it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
