"""Samples a second from a message broker and back to it, alongside others who do that, and the way of one at half load.

On each broker in turn: our service of the running example, whose batches are derived; FastStream with the same
predictor in one process, as it comes and with 16 messages at a time; MLServer's Kafka integration; and an echo by the
back end's own clients, without a model. All of them run at once, each with places of its own. A round publishes
samples while the server stands still, lets it go on, and takes the time from the first tenth of the answers to the
last; the others stand still meanwhile.

Set BENCH_BROKERS to names (nats redis kafka rabbitmq) for these only, BENCH_ROUNDS and BENCH_SECONDS to measure longer.
The brokers are those of the tests; the first time makes environments.
"""

import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable

import serve
from bus_loads import LOADS, Load, OneByOne, fetching, request_of, started, wait_for
from environments import HOME, PLACE, SERVERS, built, environment_with, inside, mlserver_settings, service_of
from peers import SAMPLE, Peer
from running import Running, alone
from serve import least_goal, most_goal

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "2"))
# The watch asks the first samples of each scorer's batches alone, too: measured is what comes after.
WARM, FEW = 3000, 500
MAX_COUNT = 60_000
# How long the slowest may take for what was meant to take SECONDS.
PATIENCE = 120
# Without an answer for so long, there comes none any more.
QUIET_SECONDS = 1.0
OURS, ECHO, PLAIN, PARALLEL, MLSERVER = "nb", "echo", "faststream", "faststream-16", "mlserver"
PEERS = (
    Peer(OURS, "nb-builder, 2 scorers"),
    Peer(ECHO, "echo by the same clients, no model"),
    Peer(PLAIN, "FastStream, one process"),
    Peer(PARALLEL, "FastStream, one process, 16 at a time"),
    Peer(MLSERVER, "MLServer's Kafka integration"),
)
FASTSTREAM = ("faststream[nats,redis,rabbit,confluent]",)
KAFKA_MLSERVER = ("mlserver", "uvloop<0.22", "aiokafka")
# Of our rate: (alongside whom, the minimum factor).
GOALS = ((PLAIN, 5.0), (MLSERVER, 3.0), (ECHO, 0.5))
# Who has nothing for a broker; of the others that is MLServer.
NOT_ON = {"kafka": (PARALLEL,)}
P99_MS = {"nats": 20.0, "redis": 20.0}


class Worker(Running):
    """A process that takes samples from `load`'s broker; it answers once it has answered one."""

    def __init__(self, peer: Peer, load: Load, command_of: Callable[[Peer, int], tuple[list, dict]]) -> None:
        self.load = load
        self.source, self.target = f"samples-{peer.name}", f"predictions-{peer.name}"
        self.sent = 0
        self.body = request_of(SAMPLE) if peer.name == MLSERVER else SAMPLE.encode()
        load.make(self.source, self.target, f"{self.target}-errors")
        super().__init__(peer, command_of)

    def put(self, number: int) -> None:
        """Publish samples for it."""
        self.load.put(self.source, [self.body] * number)
        self.sent += number

    def has(self, number: int) -> bool:
        """Return whether all but `number` samples have answers."""
        return self.load.count(self.target) >= self.sent - number

    def answers(self) -> bool:
        """Return whether samples that it gets now have answers; what it got before it listened may never have one."""
        self.put(1)
        time.sleep(0.2)
        count = self.load.count(self.target)
        while count and count != self.sent:
            self.sent = count
            time.sleep(QUIET_SECONDS)
            count = self.load.count(self.target)
        return count > 0

    def rate(self, number: int) -> float:
        """Return how many samples a second it answers of `number` that wait for it, once it has done a tenth.

        What comes before is waking up: a process that stood still may find its connections cold.
        """
        self.pause()
        try:
            self.put(number)
        finally:
            self.resume()
        left = number - number // 10
        try:
            began = wait_for(lambda: self.has(left), PATIENCE)
            return left / (wait_for(lambda: self.has(0), PATIENCE) - began)
        except TimeoutError as error:
            count = self.load.count(self.target)
            raise RuntimeError(f"{self.peer.says} has answered {count} of {self.sent} samples: {error}") from error


def report() -> None:
    """Measure on each broker, print its table and how the goals were met."""
    if not serve.is_ready():
        return
    names = os.environ.get("BENCH_BROKERS", "").replace(",", " ").split() or [*LOADS]
    unknown = [name for name in names if name not in LOADS]
    if unknown:
        sys.exit(f"there is no broker {unknown[0]!r}; there are: {', '.join(LOADS)}")
    with fetching():
        for name in names:
            print("\n".join(measured(name)), flush=True)


def measured(name: str) -> list[str]:
    """Return the lines on a broker."""
    folder = PLACE / f"broker-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    load = started(name, folder)
    workers: list[Worker] = []
    try:
        for peer in PEERS:
            # FastStream has no messages of Kafka at a time that it acknowledges itself.
            if peer.name not in NOT_ON.get(name, (MLSERVER,)):
                _add(peer, name, load, workers)
        rates = _rates(workers)
        ways = _ways(name, load, workers, rates)
    finally:
        for one in workers:
            one.stop()
        load.close()
        load.server.close()
    lines = [f"\n{name}: samples a second; {os.cpu_count()} cores; load {serve.load()}"]
    for one in workers:
        some = rates[one.peer.name]
        lines.append(f"  {one.peer.says:44}{statistics.median(some):10,.0f}   ({min(some):,.0f} to {max(some):,.0f})")
    return [*lines, *goals(name, rates, ways)]


def goals(name: str, rates: dict[str, list[float]], ways: list[float]) -> list[str]:
    """Return the lines of the goals on a broker."""
    lines = []
    for peer, least in GOALS:
        if OURS in rates and peer in rates:
            shares = [one / other for one, other in zip(rates[OURS], rates[peer], strict=True)]
            lines += least_goal(f"{name}: samples a second, nb / {peer}", statistics.median(shares), least)
    if ways:
        p50, p99 = (1000 * ways[int(len(ways) * share)] for share in (0.5, 0.99))
        words = f"{name}: p99 ms at half load (p50 {p50:.1f}, n {len(ways):,})"
        lines += most_goal(words, p99, P99_MS[name])
    return lines


def _add(peer: Peer, name: str, load: Load, workers: list[Worker]) -> None:
    def command_of(peer: Peer, port: int) -> tuple[list, dict]:
        return command(peer, name, load.url, port)

    try:
        one = Worker(peer, load, command_of)
    except RuntimeError as trouble:
        print(f"  {peer.name} is left out: {trouble}")
        return
    workers.append(one)
    if not one.wait():
        workers.remove(one)
        one.stop()
        print(f"  {peer.name} is left out, it answers nothing: see {PLACE / peer.name}.log")


def command(peer: Peer, broker: str, url: str, port: int) -> tuple[list, dict]:
    """Return (command, environment) of a worker; make what it needs, raise RuntimeError if that fails."""
    source, target = f"samples-{peer.name}", f"predictions-{peer.name}"
    settings = {
        "S2I_BUS_URL": url,
        "S2I_BUS_IN": source,
        "S2I_BUS_OUT": target,
        "S2I_BUS_ERRORS": f"{target}-errors",
        "S2I_BUS_GROUP": peer.name,
        # Kafka gives up who stands still, and all others wait then. Elsewhere what was sent to one that stood still for
        # longer than it waits for an answer is to come again soon.
        "S2I_BUS_RECLAIM": "300" if broker == "kafka" else "5",
    }
    # The environment of the tests has all clients.
    python = HOME / "test/bin/python"
    if peer.name == OURS:
        (_, *words), environ = service_of(built("nb"), **settings, S2I_BACKEND="bus", PORT=str(port))
        return [python, *words], environ
    example = built("nb-batch")
    if peer.name == ECHO:
        return [python, "bus_echo.py"], {**os.environ, **settings}
    if peer.name == MLSERVER:
        folder = PLACE / "mlserver-kafka-files"
        folder.mkdir(exist_ok=True)
        topics = {"kafka_topic_input": source, "kafka_topic_output": target}
        servers = {"kafka_enabled": True, "kafka_servers": url.removeprefix("kafka://")}
        mlserver_settings(folder, port, {**servers, **topics})
        return inside(
            environment_with("mlserver-kafka", example, KAFKA_MLSERVER), example, ["mlserver", "start", str(folder)]
        )
    workers = ["16"] if peer.name == PARALLEL else []
    words = ["python", str(SERVERS / "faststream_app.py"), broker, url, source, target, *workers]
    return inside(environment_with("faststream", example, FASTSTREAM), example, words)


def _rates(workers: list[Worker]) -> dict[str, list[float]]:
    """Return the rounds of each: enough samples for about SECONDS, after first ones that do not count."""
    numbers = {}
    for one in workers:
        with alone(one, workers):
            # The first is cold, and the second says how many there must be.
            one.rate(WARM if one.peer.name == OURS else FEW)
            numbers[one.peer.name] = min(MAX_COUNT, max(FEW, int(one.rate(FEW) * SECONDS)))
    rates: dict[str, list[float]] = {one.peer.name: [] for one in workers}
    for turn in range(ROUNDS):
        for one in workers[:: -1 if turn % 2 else 1]:
            with alone(one, workers):
                rates[one.peer.name].append(one.rate(numbers[one.peer.name]))
    return rates


def _ways(name: str, load: Load, workers: list[Worker], rates: dict[str, list[float]]) -> list[float]:
    """Return how many seconds each of our answers took at half of our rate, sorted; none if that is not a goal."""
    ours = next((one for one in workers if one.peer.name == OURS), None)
    if name not in P99_MS or ours is None or not isinstance(load, OneByOne):
        return []
    with alone(ours, workers):
        half = statistics.median(rates[OURS]) / 2
        return sorted(load.ways(ours.source, ours.target, ours.body, half, SECONDS * ROUNDS))
