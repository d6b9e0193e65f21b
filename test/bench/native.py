"""Native programs and the alternatives: bytes, requests and rows a second, start and memory, in one run.

The programs of the running example and of an XGBoost classifier of iris are made and verified as `nb-builder native`
does it.
Each is asked by wrk alongside Flask under waitress, our own service with derived batches, and an empty server of the
same runtime; a server that is not asked stands still. native_rows, native_starts and native_memory measure the rest.
BENCH_ROUNDS and BENCH_SECONDS as for serve. All of it takes five minutes; the first time builds services and
environments before that. It needs gcc, and Go and a container engine for some of its lines.
"""

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import batched_serve
import one_sample
import serve
from batched_serve import CONNECTIONS, Notebook, ask, shown
from environments import ROOT, environment_with, inside, service_of
from peers import PEERS, Peer
from running import Running, add
from serve import Points, least_goal, median, most_goal

sys.path.insert(0, str(ROOT / "test"))

import native_memory
import native_programs
import native_rows
import native_starts
from native_programs import Made, serving

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
KMEANS = next(notebook for notebook in batched_serve.NOTEBOOKS if notebook.name == "kmeans")
IRIS = Notebook(
    "iris",
    "XGBoost, 100 rounds of depth 3, 3 classes",
    one_sample.IRIS,
    one_sample.SHARES_HAND,
    "[5.1, 3.5, 1.4, 0.2]",
    (),
)
# Maximum in kB.
SIZES = {"kmeans": 12.0, "iris": 20.0}
# Rates at 64 connections: (of whom, alongside whom, the minimum factor).
RATES = (("native", "native-flask", 10.0), ("native", "native-nb", 1.5))
EMPTY_GOAL = 1.3


def report() -> None:
    """Make the programs, measure them, and print the tables and how the goals were met."""
    if not serve.is_ready():
        return
    if shutil.which("gcc") is None:
        print("The bench of native programs needs gcc; on Debian: apt-get install gcc linux-libc-dev")
        return
    kmeans, iris = native_programs.make(KMEANS), native_programs.make(IRIS)
    empty = native_programs.make_empty_server()
    print("\n".join(sizes([kmeans, iris], empty)), flush=True)
    for made in (kmeans, iris):
        print("\n".join(requests(made, empty)), flush=True)
    print("\n".join(native_rows.report(iris)), flush=True)
    print("\n".join(native_starts.report(kmeans)), flush=True)
    programs = {
        made.notebook.name: (made.program, Peer(f"native-{made.notebook.name}", "", body=made.notebook.sample))
        for made in (kmeans, iris)
    }
    print("\n".join(native_memory.report(programs)), flush=True)


def sizes(programs: list[Made], empty: Path) -> list[str]:
    """Return the lines on the bytes of programs, and on their goals."""
    lines = ["\nBytes of the program: command line, lines and HTTP"]
    rows = [(made.notebook.name, made.notebook.says, made.size) for made in programs]
    for name, says, size in [*rows, ("empty", "the same runtime, a constant for an answer", empty.stat().st_size)]:
        lines.append(f"  {f'{name}: {says}':64}{size:10,}")
    for name, _, size in rows:
        lines += most_goal(f"kB, {name}", size / 1000, SIZES[name])
    return lines


def peers_of(notebook: Notebook) -> list[Peer]:
    """Return the servers of a notebook."""
    flask = next(peer for peer in PEERS if peer.name == "waitress")
    servers = [
        Peer("native", "native program"),
        Peer("native-empty", "the same runtime, a constant for an answer"),
        replace(flask, name="native-flask"),
        Peer("native-nb", "nb-builder, derived batches, 2 scorers"),
    ]
    return [replace(peer, body=notebook.sample) for peer in servers]


def requests(made: Made, empty: Path) -> list[str]:
    """Return the lines on the servers of a notebook, and on their goals."""
    running: list[Running] = []
    try:
        for peer in peers_of(made.notebook):
            _start(running, peer, made, empty)
        points = ask(running, ROUNDS, "native-nb")
    finally:
        for one in running:
            one.stop()
    lines = [f"\n{made.notebook.name}: {made.notebook.says}; load {serve.load()}"]
    columns = "".join(f"{f'{count} conn.':>24}" for count in CONNECTIONS)
    lines.append(f"  {'requests a second; p50 / p99 in ms':44}{columns}{'CPU us':>9}")
    for one in running:
        cells = "".join(shown(points[one.peer.name, count]) for count in CONNECTIONS)
        lines.append(f"  {one.peer.says:44}{cells}{median(points[one.peer.name, max(CONNECTIONS)], 'cpu'):9.1f}")
    return [*lines, *goals(made.notebook.name, points)]


def goals(name: str, points: Points) -> list[str]:
    """Return the lines of the goals for a notebook's servers."""
    most = max(CONNECTIONS)
    lines = []
    for one, other, least in RATES:
        share = serve.ratio(points, (one, most), (other, most), "rate")
        lines += least_goal(f"rate of {name}, {most} conn., native / {other.removeprefix('native-')}", share, least)
    share = serve.ratio(points, ("native-empty", most), ("native", most), "rate")
    return [*lines, *most_goal(f"rate of {name}, {most} conn., empty / native", share, EMPTY_GOAL)]


def _start(running: list[Running], peer: Peer, made: Made, empty: Path) -> None:
    """Start a server, and add it to `running` if it answers."""

    def command_of(peer: Peer, port: int) -> tuple[list, dict]:
        if peer.name == "native-nb":
            return service_of(made.service)
        if peer.name == "native-flask":
            environment = environment_with(peer.name, made.hand, peer.packages)
            return inside(environment, made.hand, [word.format(port=port) for word in peer.command])
        return serving(made.program if peer.name == "native" else empty)

    add(peer, running, command_of)
