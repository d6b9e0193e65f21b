"""Requests a second and server CPU a request, alongside other servers in the same run, rounds interleaved.

wrk on a core of its own asks each server in turn for the running example; the others stand still meanwhile (SIGSTOP),
because Ray, Triton and others take CPU without being asked. Set BENCH_PEERS to names (see peers.py) to compare with
those only, BENCH_ROUNDS and BENCH_SECONDS to measure longer, BENCH_BEFORE to a commit to have our services as they
were then in turn with today's. All of it takes nine minutes; the first time makes an environment for each peer before
that.
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
from dataclasses import dataclass, replace
from pathlib import Path

import peers
from environments import PLACE
from peers import Peer
from running import Running, add, alone

CONNECTIONS = (1, 8, 64, 256)
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "2"))
# Samples of a large body, sent over one connection for each scorer, and over one, which leaves one idle.
MANY = 1000
MANY_CONNECTIONS = (2, 1)

# Rates at 64 connections: (ours, peer, the minimum factor).
RATES = (
    *(("nb", "prototype", 7.0), ("nb", "mlserver", 5.0), ("nb", "gunicorn", 2.2), ("nb", "fastapi", 1.0)),
    *(("nb", "granian", 0.85), ("nb-batch", "nb", 2.2), ("nb-batch", "granian", 1.8), ("nb-batch", "asgi", 1.4)),
    *(("nb-batch", "triton", 5.0), ("nb-batch", "ray", 30.0)),
)

# Beside ourselves at an earlier commit (BENCH_BEFORE): (ours, connections, figure, at most or, of rates, at least).
BEFORE = (
    *(("nb", 64, "front", 0.85), ("nb", 64, "rate", 0.97), ("nb", 1, "p50", 0.9), ("nb", 8, "p99", 0.7)),
    *(("nb-batch", 64, "front", 1.0), ("nb-batch", 64, "rate", 0.97), ("nb-batch", 8, "p99", 0.7)),
)


@dataclass(frozen=True)
class Round:
    """What wrk saw in SECONDS: requests a second, milliseconds within which half and 99 of 100 were answered, errors.

    `cpu` and `front` are CPU microseconds a request, of all the server's processes and of the one that was started.
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    front: float
    errors: int


# The rounds of each server at each number of connections.
Points = dict[tuple[str, int], list[Round]]


def report() -> None:
    """Start the servers, measure them in turn, print the table and how the goals were met."""
    if not is_ready():
        return
    running: list[Running] = []
    try:
        start(running)
        points, many = ask_all(running)
        silent = [one.peer.name for one in running if not one.answers()]
    finally:
        for one in running:
            one.stop()
    print("\n".join([*table(running, points), "", *goals(points), *goals_of_many(many)]))
    for name in silent:
        print(f"  {name} answers no more, its figures are worth nothing: see {PLACE / name}.log")


def is_ready() -> bool:
    """Return whether servers can be measured here, with PLACE and the signal's handler set; say what is missing."""
    if shutil.which("wrk") is None:
        print("The bench of the service needs wrk; on Debian: apt-get install wrk")
        return False
    PLACE.mkdir(parents=True, exist_ok=True)
    # Whatever ends the bench, the servers are ended with it: some stand still and would for ever.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("the bench was told to end"))
    return True


def ask_all(running: list[Running]) -> tuple[Points, Points]:
    """Return the rounds of each server at each number of connections, and of ours with bodies of many samples."""
    points: Points = {(one.peer.name, count): [] for count in CONNECTIONS for one in running}
    batched = [one for one in running if one.peer.name.startswith("nb-batch")]
    many: Points = {(one.peer.name, count): [] for count in MANY_CONNECTIONS for one in batched}
    for _ in range(ROUNDS):
        for count in CONNECTIONS:
            for one in running:
                with alone(one, running):
                    points[one.peer.name, count].append(measure(one, count, one.peer))
        for count in MANY_CONNECTIONS:
            for one in batched:
                large = replace(one.peer, path="/predict/batch", body=body_of(MANY))
                with alone(one, running):
                    many[one.peer.name, count].append(measure(one, count, large))
    return points, many


def start(running: list[Running]) -> None:
    """Add the servers that answer to `running`; say which do not, and why."""
    for peer in peers.wanted(os.environ.get("BENCH_PEERS", ""), os.environ.get("BENCH_BEFORE", "")):
        try:
            add(peer, running)
        except RuntimeError as trouble:
            print(f"  {peer.name} is left out: {trouble}")


def body_of(samples: int) -> str:
    """Return a JSON array of that number of samples of four digits a number, the same each time."""
    numbers = random.Random(samples)  # noqa: S311 - numbers to be predicted for
    return json.dumps([[round(numbers.random(), 4), round(numbers.random(), 4)] for _ in range(samples)])


def wrk_script(name: str, body: str, kind: str) -> Path:
    """Return a script for wrk that posts a body of a content type; the body is an expression of Lua."""
    script = PLACE / f"{name}.lua"
    script.write_text(f"wrk.method = 'POST'\nwrk.body = {body}\nwrk.headers['Content-Type'] = '{kind}'\n")
    return script


def measure(one: Running, connections: int, asked: Peer) -> Round:
    """Return how SECONDS of asking what `asked` says went."""
    script = wrk_script(asked.name, f"'{asked.body}'", asked.kind)
    core = ["taskset", "-c", str(max(os.sched_getaffinity(0)))]
    url = f"http://127.0.0.1:{one.port}{asked.path}"
    before = one.cpu()
    ran = subprocess.run(
        [*core, "wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", f"-s{script}", url],
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        sys.exit(f"wrk ended with {ran.returncode} at {asked.name}: {ran.stderr or ran.stdout}")
    said = ran.stdout
    cpu, front = (1e6 * (after - then) for after, then in zip(one.cpu(), before, strict=True))
    requests = max(1, int(re.search(r"(\d+) requests in", said)[1]))
    errors = sum(int(number) for number in re.findall(r"(?:Non-2xx.*|connect|read|write|timeout):? (\d+)", said))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
    p50, p99 = (milliseconds(re.search(rf"{share}%\s+([\d.]+)(us|ms|s)\b", said)) for share in (50, 99))
    return Round(rate, p50, p99, cpu / requests, front / requests, errors)


def milliseconds(match: re.Match) -> float:
    """Return what wrk wrote with a unit in milliseconds."""
    return float(match[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[match[2]]


def table(running: list[Running], points: Points) -> list[str]:
    """Return two tables: medians of requests a second and of CPU at 64 connections, and of how long answers took."""
    rounds = f"{ROUNDS} interleaved rounds of {SECONDS} s"
    lines = [f"\nThe running example, {os.cpu_count()} cores, {rounds}, wrk -t1; load {load()}"]
    columns = "".join(f"{f'{count} conn.':>10}" for count in CONNECTIONS)
    lines.append(f"  {'requests a second':52}{columns}{'CPU us':>9}{'of front':>9}{'nb / it':>9}")
    for one in running:
        name = one.peer.name
        rates = "".join(f"{median(points[name, count], 'rate'):10.0f}" for count in CONNECTIONS)
        cpu, front = median(points[name, 64], "cpu"), median(points[name, 64], "front")
        against = ratio(points, ("nb", 64), (name, 64), "rate")
        shown = f"{against:9.2f}" if against is not None else ""
        errors = sum(each.errors for count in CONNECTIONS for each in points[name, count])
        said = f"  {errors} errors" if errors else ""
        lines.append(f"  {one.peer.says:52}{rates}{cpu:9.0f}{front:9.0f}{shown}{said}")
    lines.append(f"\n  {'p50 / p99 in ms':52}" + "".join(f"{f'{count} conn.':>16}" for count in CONNECTIONS))
    for one in running:
        at = [points[one.peer.name, count] for count in CONNECTIONS]
        times = (f"{median(each, 'p50'):.2f} / {median(each, 'p99'):.2f}" for each in at)
        both = "".join(f"{words:>16}" for words in times)
        lines.append(f"  {one.peer.says:52}{both}")
    return lines


def goals(points: Points) -> list[str]:
    """Return a line for each goal whose servers were measured."""
    lines = []
    for ours, peer, least in RATES:
        lines += least_goal(f"{ours} / {peer} at 64", ratio(points, (ours, 64), (peer, 64), "rate"), least)
    for ours in peers.OURS:
        lines += least_goal(f"{ours} at 256 / at 64", ratio(points, (ours, 256), (ours, 64), "rate"), 0.95)
    lines += most_goal("CPU a request, nb / fastapi at 64", ratio(points, ("nb", 64), ("fastapi", 64), "cpu"), 0.85)
    for ours, count, figure, most in BEFORE:
        words = f"{figure} of {ours} now / before, {count} conn."
        share = ratio(points, (ours, count), (f"{ours}-before", count), figure)
        lines += least_goal(words, share, most) if figure == "rate" else most_goal(words, share, most)
    return lines


def goals_of_many(many: Points) -> list[str]:
    """Return the lines about bodies of many samples."""
    lines = []
    for count in MANY_CONNECTIONS:
        if rounds := many.get(("nb-batch", count)):
            rate = median(rounds, "rate") * MANY / 1e6
            words = f"M samples/s, nb-batch, {MANY} a body, {count} conn."
            lines.append(goal(words, rate, ">= 1", rate >= 1 and not any(each.errors for each in rounds)))
        share = ratio(many, ("nb-batch", count), ("nb-batch-before", count), "rate")
        lines += least_goal(f"rate of bodies of {MANY} now / before, {count} conn.", share, 0.97)
    return lines


def least_goal(words: str, figure: float | None, least: float) -> list[str]:
    """Return the line of a goal of at least so much; none where it was not measured."""
    return [] if figure is None else [goal(words, figure, f">= {least:g}", figure >= least)]


def most_goal(words: str, figure: float | None, most: float) -> list[str]:
    """Return the line of a goal of at most so much; none where it was not measured."""
    return [] if figure is None else [goal(words, figure, f"<= {most:g}", figure <= most)]


def goal(words: str, got: float, wanted: str, met: bool) -> str:
    """Return the line of one goal."""
    return f"  {words:46}{got:8.2f}   goal {wanted:8} {'met' if met else 'NOT met'}"


def median(rounds: list[Round], figure: str) -> float:
    """Return the median of a figure over rounds."""
    return statistics.median(getattr(each, figure) for each in rounds)


def ratio(points: Points, first: tuple, second: tuple, figure: str) -> float | None:
    """Return the median over the rounds of first ÷ second within a round; None where one was not measured."""
    if first not in points or second not in points:
        return None
    pairs = zip(points[first], points[second], strict=True)
    shares = [getattr(one, figure) / getattr(other, figure) for one, other in pairs if getattr(other, figure)]
    return statistics.median(shares) if shares else None


def load() -> str:
    """Return the machine's load average, which shows how far absolute figures can be trusted."""
    return Path("/proc/loadavg").read_text().split()[0]
