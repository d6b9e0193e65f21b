"""Files of 15 MB as the body and in a form, compared with FastAPI's UploadFile: CPU and time for each.

The predictor returns the file's length, so that only its way is measured. One scorer, and one worker. The files are
random bytes, the boundary is as long as clients make theirs. BENCH_ROUNDS and BENCH_FILES set rounds and the files in
each.
"""

import http.client
import json
import os
import shutil
import statistics
import time
from pathlib import Path

from environments import ENVIRON, HOME, PLACE, ROOT, environment_with, inside, run, service_of
from peers import Peer
from running import Running
from serve import goal

SIZE = 15 << 20
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))
FILES = int(os.environ.get("BENCH_FILES", "15"))
GOAL = 1.15
BOUNDARY = "0123456789abcdef0123456789abcdef"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
HEAD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\n'
TAIL = f"\r\n--{BOUNDARY}--\r\n"
CELL = "def predictor(picture: bytes) -> int:\n    return len(picture)\n\nexamples = [b'abc']\n"
OURS = Peer("nb-binary", "nb-builder, 1 scorer", body="abc", kind="application/octet-stream")
THEIRS = Peer(
    "fastapi-upload",
    "FastAPI's UploadFile, 1 worker",
    ("fastapi", "uvicorn[standard]", "python-multipart"),
    body=f"{HEAD}abc{TAIL}",
    kind=FORM,
)


def report() -> None:
    """Print CPU and time of each way, and whether the goal was met."""
    app_root = _built()
    servers: list[Running] = []
    try:
        for peer in (OURS, THEIRS):
            servers.append(Running(peer, lambda peer, port: _command(app_root, peer, port)))
            if not servers[-1].wait():
                raise RuntimeError(f"{peer.name} does not answer.")
        taken = _measured(*servers)
    finally:
        for server in servers:
            server.stop()
    print(f"a file of {SIZE >> 20} MB, {ROUNDS} rounds of {FILES}: CPU ms, wall ms (medians); ratio of CPU in a round")
    shares = {}
    for name, rounds in taken.items():
        shares[name] = [one[0] / base[0] for one, base in zip(rounds, taken["FastAPI, form"], strict=True)]
        cpu, wall = (statistics.median(column) for column in zip(*rounds, strict=True))
        low, high = min(shares[name]), max(shares[name])
        print(f"  {name:<16}{cpu:8.1f}{wall:8.1f}{statistics.median(shares[name]):8.2f} ({low:.2f} to {high:.2f})")
    print()
    for name in ("nb, body", "nb, form"):
        share = statistics.median(shares[name])
        print(goal(f"CPU of {name}, of FastAPI's", share, f"<= {GOAL}", share <= GOAL))


def _built() -> Path:
    app_root, source = PLACE / "app-root-nb-binary", PLACE / "source-nb-binary"
    for folder in (app_root, source):
        shutil.rmtree(folder, ignore_errors=True)
    source.mkdir(parents=True)
    cells = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": text}
        for text in ("requirements = []\n", CELL)
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    (source / "model.ipynb").write_text(json.dumps(notebook))
    environ = {**ENVIRON, "NB_BUILDER_HOME": str(HOME), "APP_ROOT": str(app_root), "S2I_SRC": str(source)}
    run([ROOT / "s2i/bin/assemble"], environ)
    return app_root


def _command(app_root: Path, peer: Peer, port: int) -> tuple[list, dict]:
    if peer is OURS:
        return service_of(app_root, WEB_CONCURRENCY="1", S2I_MAX_BODY=str(2 * SIZE))
    environment = environment_with(peer.name, app_root, peer.packages)
    command = ["uvicorn", f"--port={port}", "--workers=1", "--no-access-log", "fastapi_upload:app"]
    return inside(environment, app_root, command)


def _measured(ours: Running, theirs: Running) -> dict[str, list[tuple[float, float]]]:
    """Return (CPU ms, wall ms) of a file for each way, by round; the ways take turns."""
    content = os.urandom(SIZE)
    form = HEAD.encode() + content + TAIL.encode()
    ways = {
        "FastAPI, form": (theirs, form, FORM),
        "nb, body": (ours, content, "application/octet-stream"),
        "nb, form": (ours, form, FORM),
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(ROUNDS + 1):
        for name, way in ways.items():
            pair = _sent(*way)
            # The first round is for caches and memory.
            if number:
                taken[name].append(pair)
    return taken


def _sent(server: Running, body: bytes, kind: str) -> tuple[float, float]:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    before, began = server.cpu()[0], time.perf_counter()
    for _ in range(FILES):
        client.request("POST", "/predict", body, {"Content-Type": kind})
        response = client.getresponse()
        if (response.status, response.read().strip()) != (http.client.OK, str(SIZE).encode()):
            raise RuntimeError(f"{server.peer.name} gives another answer.")
    wall = time.perf_counter() - began
    client.close()
    return 1000 * (server.cpu()[0] - before) / FILES, 1000 * wall / FILES
