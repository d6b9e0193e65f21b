"""Requests a second and server CPU a request, beside other servers in the same run, rounds interleaved.

wrk on a core of its own asks each server in turn for the running example; the others stand still meanwhile (SIGSTOP),
because Ray, Triton and others take CPU without being asked. Set BENCH_PEERS to names (see peers.py) to compare with
those only, BENCH_ROUNDS and BENCH_SECONDS to measure longer. All of it takes nine minutes; the first time makes an
environment for each peer before that.
"""

import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import peers
from environments import PLACE
from peers import Peer
from running import Running, alone

CONNECTIONS = (1, 16, 64, 256)
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "2"))
# Samples of a large body, asked over as many connections as have a scorer, and over one, which leaves one idle.
MANY = 1000
MANY_CONNECTIONS = (2, 1)

# Rates at 64 connections: (ours, peer, at least so many times).
RATES = (
    *(("nb", "prototype", 7.0), ("nb", "mlserver", 5.0), ("nb", "gunicorn", 2.2), ("nb", "fastapi", 1.0)),
    *(("nb", "granian", 0.85), ("nb-batch", "nb", 2.2), ("nb-batch", "granian", 1.8), ("nb-batch", "asgi", 1.4)),
    *(("nb-batch", "triton", 5.0), ("nb-batch", "ray", 30.0)),
)


class Point:
    """What one server did at one number of connections: a figure a round."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.cpus: list[float] = []
        self.errors = 0

    def add(self, rate: float, cpu: float, errors: int) -> None:
        """Add a round."""
        self.rates.append(rate)
        self.cpus.append(cpu)
        self.errors += errors


Points = dict[tuple[str, int], Point]


def report() -> None:
    """Start the servers, measure them in turn, print the table and how the goals were met."""
    if shutil.which("wrk") is None:
        print("The bench of the service needs wrk; on Debian: apt-get install wrk")
        return
    PLACE.mkdir(parents=True, exist_ok=True)
    # Whatever ends the bench, the servers are ended with it: some stand still and would for ever.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("the bench was told to end"))
    running: list[Running] = []
    try:
        start(running)
        points, many = ask_all(running)
        silent = [one.peer.name for one in running if not one.answers()]
    finally:
        for one in running:
            one.stop()
    print("\n".join([*table(running, points), "", *goals(points), *goal_of_many(many)]))
    for name in silent:
        print(f"  {name} answers no more, its figures are worth nothing: see {PLACE / name}.log")


def ask_all(running: list[Running]) -> tuple[Points, dict[int, Point]]:
    """Return what was measured of each server at each number of connections, and of bodies of many samples."""
    points: Points = {(one.peer.name, count): Point() for one in running for count in CONNECTIONS}
    many = {count: Point() for count in MANY_CONNECTIONS}
    for _ in range(ROUNDS):
        for count in CONNECTIONS:
            for one in running:
                with alone(one, running):
                    points[one.peer.name, count].add(*measure(one, count, one.peer))
        for one in running:
            if one.peer.name == "nb-batch":
                large = replace(one.peer, path="/predict/batch", body=body_of(MANY))
                for count in MANY_CONNECTIONS:
                    with alone(one, running):
                        many[count].add(*measure(one, count, large))
    return points, many


def start(running: list[Running]) -> None:
    """Add the servers that answer to `running`; say which do not, and why."""
    for peer in peers.wanted(os.environ.get("BENCH_PEERS", "")):
        try:
            one = Running(peer)
        except RuntimeError as trouble:
            print(f"  {peer.name} is left out: {trouble}")
            continue
        running.append(one)
        if one.wait():
            continue
        running.remove(one)
        one.stop()
        print(f"  {peer.name} is left out, it does not answer: see {PLACE / peer.name}.log")


def body_of(samples: int) -> str:
    """Return a JSON array of so many samples of four digits a number, the same each time."""
    numbers = random.Random(samples)  # noqa: S311 - numbers to be predicted for
    return json.dumps([[round(numbers.random(), 4), round(numbers.random(), 4)] for _ in range(samples)])


def measure(one: Running, connections: int, asked: Peer) -> tuple[float, float, int]:
    """Return (requests a second, server CPU microseconds a request, errors) of SECONDS of asking what `asked` says."""
    script = PLACE / f"{asked.name}.lua"
    script.write_text(f"wrk.method = 'POST'\nwrk.body = '{asked.body}'\nwrk.headers['Content-Type'] = '{asked.kind}'\n")
    core = ["taskset", "-c", str(max(os.sched_getaffinity(0)))]
    url = f"http://127.0.0.1:{one.port}{asked.path}"
    before = one.cpu()
    ran = subprocess.run(
        [*core, "wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", f"-s{script}", url], capture_output=True, text=True
    )
    if ran.returncode:
        sys.exit(f"wrk ended with {ran.returncode} at {asked.name}: {ran.stderr or ran.stdout}")
    said = ran.stdout
    cpu = one.cpu() - before
    requests = int(re.search(r"(\d+) requests in", said)[1])
    errors = sum(int(number) for number in re.findall(r"(?:Non-2xx.*|connect|read|write|timeout):? (\d+)", said))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
    return rate, 1e6 * cpu / max(1, requests), errors


def table(running: list[Running], points: Points) -> list[str]:
    """Return the table: medians of requests a second, and of CPU a request at 64 connections."""
    rounds = f"{ROUNDS} interleaved rounds of {SECONDS} s"
    lines = [f"\nThe running example, {os.cpu_count()} cores, {rounds}, wrk -t1; load {load()}"]
    columns = "".join(f"{f'{count} conn.':>10}" for count in CONNECTIONS)
    lines.append(f"  {'requests a second':52}{columns}{'CPU us':>9}{'nb / it':>9}")
    for one in running:
        name = one.peer.name
        rates = "".join(f"{statistics.median(points[name, count].rates):10.0f}" for count in CONNECTIONS)
        cpu = statistics.median(points[name, 64].cpus)
        against = ratio(points, ("nb", 64), (name, 64), rates_of)
        shown = f"{against:9.2f}" if against is not None else ""
        errors = sum(points[name, count].errors for count in CONNECTIONS)
        lines.append(f"  {one.peer.says:52}{rates}{cpu:9.0f}{shown}" + (f"  {errors} errors" if errors else ""))
    return lines


def goals(points: Points) -> list[str]:
    """Return a line for each goal whose servers were measured."""
    rows = [
        (f"{ours} / {peer} at 64", ratio(points, (ours, 64), (peer, 64), rates_of), least)
        for ours, peer, least in RATES
    ]
    rows += [
        (f"{ours} at 256 / at 64", ratio(points, (ours, 256), (ours, 64), rates_of), 0.8) for ours in ("nb", "nb-batch")
    ]
    lines = [goal(words, got, f">= {least:g}", got is not None and got >= least) for words, got, least in rows if got]
    cpu = ratio(points, ("nb", 64), ("fastapi", 64), cpus_of)
    if cpu is not None:
        lines.append(goal("CPU a request, nb / fastapi at 64", cpu, "<= 0.85", cpu <= 0.85))
    return lines


def goal_of_many(many: dict[int, Point]) -> list[str]:
    """Return a line about bodies of many samples for each number of connections that was measured."""
    lines = []
    for count, point in many.items():
        if point.rates:
            got = statistics.median(point.rates) * MANY / 1e6
            words = f"M samples/s, nb-batch, {MANY} a body, {count} conn."
            lines.append(goal(words, got, ">= 1", got >= 1 and not point.errors))
    return lines


def goal(words: str, got: float, wanted: str, met: bool) -> str:
    """Return the line of one goal."""
    return f"  {words:46}{got:8.2f}   goal {wanted:8} {'met' if met else 'NOT met'}"


def rates_of(point: Point) -> list[float]:
    """Return a point's rates."""
    return point.rates


def cpus_of(point: Point) -> list[float]:
    """Return a point's CPU a request."""
    return point.cpus


def ratio(points: Points, first: tuple, second: tuple, of: Callable[[Point], list[float]]) -> float | None:
    """Return the median over the rounds of first ÷ second within a round; None where one was not measured."""
    if first not in points or second not in points:
        return None
    pairs = zip(of(points[first]), of(points[second]), strict=True)
    found = [one / other for one, other in pairs if other]
    return statistics.median(found) if found else None


def load() -> str:
    """Return the machine's load average, which tells how far absolute figures can be trusted."""
    return Path("/proc/loadavg").read_text().split()[0]
