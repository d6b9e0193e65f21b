"""How many replicas for how many requests: the tables of docs/explanation/capacity.md, and one real replica next to it.

The tables are simulated, see capacity_tables. After these one replica with one scorer, on one core, is asked by
programs on another, predictor alone and then together: with 1 and with 64 connections, of which the costs of front and
scorer follow, and then at rates that do not depend on its answers, as shares of the most that it can do; next to each
is what the simulation makes of these costs. Then HAProxy is put before it, for what a request costs there. At last
load grows, see capacity_signals. BENCH_ROUNDS and BENCH_SECONDS as for serve, each rate for five times as long.
BENCH_CAPACITY=tables leaves out what is measured, which takes six minutes.
"""

import os
import re
import statistics
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import capacity_signals
import serve
from capacity_load import asked, on_first_core
from capacity_tables import MICRO, TABLES, head, ms, row
from environments import PLACE, built
from peers import Peer
from replicas import Service, most, simulate
from running import Running, tree
from serve import measure

SHARES = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9)
# The watch of batches asks the first thousand samples alone, too.
WARM_SAMPLES = 5_000
PROXY = """\
global
    nbthread 1
defaults
    mode http
    timeout connect 2s
    timeout client 90s
    timeout server 90s
listen all
    bind 127.0.0.1:{port}
    server one 127.0.0.1:{service}
"""


@dataclass(frozen=True)
class Cost:
    """What a request takes: microseconds of the CPU for front and scorer; samples a call; and requests a second."""

    front: float
    scorer: float
    samples: float
    rate: float


def report() -> None:
    """Print the tables; then measure one replica, print it next to its simulation, and what a proxy costs."""
    for name, table in TABLES.items():
        print(f"\n{name}\n" + "\n".join(table()))
    if os.environ.get("BENCH_CAPACITY") == "tables" or not serve.is_ready():
        return
    print(f"\nOne replica with one scorer on one core of {os.cpu_count()}; load {serve.load()}")
    for batching, words in (("off", "alone"), ("auto", "together")):
        peer = Peer(f"nb-capacity-{batching}", words)
        service = Running(peer, lambda peer, port, batching=batching: on_first_core(built("nb"), S2I_BATCHING=batching))
        try:
            if not service.wait():
                sys.exit(f"the service does not answer: see {PLACE / peer.name}.log")
            print("\n".join(beside_the_simulation(service)), flush=True)
            if batching == "auto":
                print("\n".join(of_a_proxy(service)))
        finally:
            service.stop()
    print(f"load {serve.load()}")
    capacity_signals.report()


def beside_the_simulation(service: Running) -> list[str]:
    """Return the lines on a service: what a request costs, and how long answers take alongside the simulation."""
    while _numbers(service)["answers"] < WARM_SAMPLES:
        measure(service, 64, service.peer)
    one, many = (_cost(service, count) for count in (1, 64))
    fitted = fit(one, many)
    lines = [f"\n{service.peer.says}: {one}", f"  with 64 connections: {many}", f"  fitted: {fitted}"]
    lines.append(f"  memory of all its processes, what they share counted once: {_megabytes(service):.0f} MB")
    lines += head("share", "requests/s", "p50, p99 ms", "simulated", "sent late, p99 ms", "failed")
    for share in SHARES:
        rate = share * many.rate
        said = asked(service.port, f"{rate}", 5 * serve.SECONDS)
        answers = sorted(taken for _, taken, what in said["requests"] if what.startswith("200"))
        failed = len(said["requests"]) - len(answers)
        real = ", ".join(ms(answers[int(each * len(answers))] / 1000) for each in (0.5, 0.99))
        outcome = simulate(fitted, rate, 20_000).outcome
        expected = ", ".join(ms(outcome.quantile(each)) for each in (0.5, 0.99))
        lines.append(row(f"{share:.0%}", f"{rate:,.0f}", real, expected, f"{said['late_ms']:.2f}", failed))
    return lines


def _cost(service: Running, connections: int) -> Cost:
    """Return medians of a request's cost, and samples a call, with that number of connections."""
    before = _numbers(service)
    rounds = [measure(service, connections, service.peer) for _ in range(serve.ROUNDS)]
    after = _numbers(service)
    front, cpu, rate = (statistics.median(getattr(each, name) for each in rounds) for name in ("front", "cpu", "rate"))
    samples = (after["answers"] - before["answers"]) / (after["calls"] - before["calls"])
    return Cost(front, cpu - front, samples, rate)


def _megabytes(service: Running) -> float:
    """Return the proportional set size of all processes of a service."""
    rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in tree(service.process.pid)]
    return sum(int(re.search(r"^Pss: +(\d+) kB$", text, re.MULTILINE)[1]) for text in rollups) / 1024


def _numbers(service: Running) -> dict[str, float]:
    """Return how many samples the service has answered, and in how many calls."""
    with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/metrics") as answer:
        text = answer.read().decode()
    names = {"answers": "nb_batch_samples_sum", "calls": "nb_batch_samples_count"}
    return {name: float(re.search(rf"^{metric} (\S+)$", text, re.MULTILINE)[1]) for name, metric in names.items()}


def fit(one: Cost, many: Cost) -> Service:
    """Return the replica, on one core, whose costs are those that were measured with 1 and with 64 connections."""
    call = (many.scorer * MICRO, 0.0)
    if many.samples > 1.5:
        sample = (many.scorer - one.scorer / many.samples) / (1 - 1 / many.samples)
        call = ((one.scorer - sample) * MICRO, sample * MICRO)
    # A request alone is a turn of the front, and so is its answer. How many share a turn under load is not counted: the
    # simulation computes it, and the time of each is set so that the front's cost is the measured one.
    least, largest = 0.0, one.front / 2 * MICRO
    for _ in range(12):
        each = (least + largest) / 2
        batch = 64 if many.samples > 1.5 else 1
        service = Service(call=call, turn=(one.front / 2 * MICRO - each, each), cores=1, batch=batch)
        outcome = most(service, clients=64, count=4_000).outcome
        least, largest = (each, largest) if outcome.front / len(outcome.answers) < many.front * MICRO else (least, each)
    return service


def of_a_proxy(service: Running) -> list[str]:
    """Return the lines on HAProxy before the service: what a request costs it, with 64 connections."""

    def command_of(peer: Peer, port: int) -> tuple[list, dict]:
        config = Path(PLACE, "capacity-haproxy.cfg")
        config.write_text(PROXY.format(port=port, service=service.port))
        return ["haproxy", "-db", "-f", config], dict(os.environ)

    proxy = Running(Peer("capacity-haproxy", "HAProxy"), command_of)
    try:
        if not proxy.wait():
            return ["HAProxy is not there, or does not answer: it is left out"]
        rounds = [measure(proxy, 64, proxy.peer) for _ in range(serve.ROUNDS)]
    finally:
        proxy.stop()
    return [f"\nHAProxy before it: {statistics.median(each.cpu for each in rounds):.1f} µs of the CPU a request"]
