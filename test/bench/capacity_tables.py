"""The tables of docs/explanation/capacity.md: what queueing makes of measured times, simulated and by arithmetic.

Each is the same whenever it is made, by seeds; test/unit/bench holds the page to them.
"""

import math
import random
from dataclasses import replace

import replicas
from queueing import wait
from replicas import Outcome, Service, fleet, most, simulate

MICRO = 1e-6
# What a turn of the front takes and each request or answer in it, and what a call of a scorer takes and each sample in
# it: with predictor alone, and together. As the bench prints them; the page says when and where.
ALONE = Service(call=(149 * MICRO, 0.0), turn=(27 * MICRO, 45 * MICRO), scorers=2, cores=2)
TOGETHER = Service(call=(186 * MICRO, 8 * MICRO), turn=(59 * MICRO, 11 * MICRO), scorers=2, cores=2, batch=64)
# A predictor alongside which the front is nothing: twenty milliseconds, alone and where a call of many costs little
# more.
SLOW_SECONDS = 0.02
SLOW = Service(call=(SLOW_SECONDS, 0.0), scorers=2, queue=1024)
SLOW_TOGETHER = Service(call=(0.0195, 0.0005), scorers=2, batch=64, queue=1024)
# The share of what a replica can do that the page plans with.
USABLE = 0.6
QUIET = 0.05
QUIET_SECONDS = 30
# What a request takes a proxy of a core: assumed, with room for TLS above what the bench measures without.
PROXY_SECONDS = 40 * MICRO
# Of the autoscaler in docs/deploy/kubernetes.
QUEUE_TARGET = 8
TOGETHER_TARGET = 4


def row(*cells: object) -> str:
    """Return a row of a table."""
    return f"| {' | '.join(map(str, cells))} |"


def head(*cells: object) -> list[str]:
    """Return the first rows of a table."""
    return [row(*cells), row(*["---"] * len(cells))]


def ms(seconds: float) -> str:
    """Return milliseconds with two or three digits that count."""
    value = 1000 * seconds
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def of_costs() -> list[str]:
    """Return what was measured, and the most that follows for a replica."""
    lines = head("microseconds of a core", "predictor alone", "together")
    for name, times in (
        ("a turn of the front, and each request or answer in it", [service.turn for service in (ALONE, TOGETHER)]),
        ("a scorer's call, and each sample in it", [service.call for service in (ALONE, TOGETHER)]),
    ):
        lines.append(row(name, *(f"{once / MICRO:.0f} + {each / MICRO:.0f}" for once, each in times)))
    quiet = (2 * sum(service.turn) + sum(service.call) for service in (ALONE, TOGETHER))
    lines.append(row("a request alone", *(f"{seconds / MICRO:.0f}" for seconds in quiet)))
    rates = [most_rate(service) for service in (ALONE, TOGETHER)]
    lines.append(row("a request under full load", *(f"{ALONE.cores / rate / MICRO:.0f}" for rate in rates)))
    return [*lines, row("**the most of two cores, requests a second**", *(f"{rate:,.0f}" for rate in rates))]


def of_one_replica() -> list[str]:
    """Return how long answers take at shares of what a replica of the running example can do."""
    lines = head(
        "share of the most", "alone: requests/s", "p50, p99 ms", "together: requests/s", "p50, p99 ms", "samples a call"
    )
    rates = [most_rate(service) for service in (ALONE, TOGETHER)]
    for share in (0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9):
        cells: list[str] = [f"{share:.0%}"]
        for service, rate in zip((ALONE, TOGETHER), rates, strict=True):
            outcome = simulate(service, share * rate, 12_000).outcome
            cells += [f"{share * rate:,.0f}", f"{ms(outcome.quantile(0.5))}, {ms(outcome.quantile(0.99))}"]
        cells.append(f"{len(outcome.answers) / outcome.calls:.1f}")
        lines.append(row(*cells))
    return lines


def most_rate(service: Service) -> float:
    """Return the most requests a second that a replica answers."""
    replica = most(service)
    return len(replica.outcome.answers) / replica.now


def of_scorers() -> list[str]:
    """Return p99 in multiples of a call, for equal calls and for exponential ones, by scorers and their busy share."""
    shares = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9)
    lines = head("scorers", *(f"{share:.0%} busy" for share in shares))
    for scorers in (1, 2, 4, 8, 16):
        cells = []
        for share in shares:
            equal = simulate(Service(call=(1.0, 0.0), scorers=scorers), share * scorers, 6_000).outcome.quantile(0.99)
            vary = simulate(Service(call=(1.0, 0.0), scorers=scorers, spread=exponential), share * scorers, 6_000)
            cells.append(f"{equal:.1f}, {vary.outcome.quantile(0.99):.1f}")
        lines.append(row(scorers, *cells))
    return lines


def exponential(chance: random.Random) -> float:
    """Return what a call takes as a multiple of the mean where calls vary as a Poisson process's gaps do."""
    return chance.expovariate(1.0)


def of_balancers() -> list[str]:
    """Return p99 behind balancers that choose in different ways, for equal calls and for exponential ones."""
    lines = head("8 replicas of 2 scorers, 70 % busy", "equal calls", "calls that vary")
    ways = {
        "by lot": replicas.by_lot,
        "in turn (`roundrobin`)": replicas.in_turn,
        "the better of two by lot (`random(2)`)": replicas.less_of_two,
        "the one with least to do (`leastconn`)": replicas.least,
    }
    services = [Service(call=(1.0, 0.0), scorers=2, spread=spread) for spread in (None, exponential)]
    for name, choose in ways.items():
        p99 = [fleet(service, 8, 0.7 * 16, 6_000, choose).quantile(0.99) for service in services]
        lines.append(row(name, *(f"{each:.1f}" for each in p99)))
    one = [simulate(replace(service, scorers=16), 0.7 * 16, 6_000).outcome.quantile(0.99) for service in services]
    lines.append(row("one queue for all 16", *(f"{each:.1f}" for each in one)))
    return lines


def of_fleets() -> list[str]:
    """Return that replicas and requests grow by the same factor at the same latency."""
    lines = head("replicas", "requests/s", "by lot: p50, p99 ms", "in turn: p50, p99 ms")
    for count in (1, 10, 100):
        rate = USABLE * count * SLOW.scorers / SLOW_SECONDS
        cells = []
        for choose in (replicas.by_lot, replicas.in_turn):
            outcome = fleet(SLOW, count, rate, 12_000, choose)
            cells.append(f"{ms(outcome.quantile(0.5))}, {ms(outcome.quantile(0.99))}")
        lines.append(row(count, f"{rate:,.0f}", *cells))
    return lines


def of_queues() -> list[str]:
    """Return what becomes of a fifth too many requests, by how many samples may wait."""
    lines = head("`S2I_MAX_QUEUE`", "rejected", "by arithmetic", "p99 s", "by arithmetic")
    able = SLOW.scorers / SLOW_SECONDS
    for limit in (16, 64, 256, 1024):
        # Behind the time in which the queue fills.
        began = 2 * limit / (0.2 * able)
        count = int(1.2 * able * began) + 12_000
        outcome = simulate(replace(SLOW, queue=limit), 1.2 * able, count).outcome
        rejected = [when for when in outcome.rejected if when > began]
        answered = [when for when, _ in outcome.answers if when > began]
        share = len(rejected) / (len(rejected) + len(answered))
        fluid = limit / able + SLOW_SECONDS
        lines.append(
            row(
                f"{limit:,}",
                f"{share:.1%}",
                f"{1 - 1 / 1.2:.1%}",
                f"{outcome.quantile(0.99, began):.2f}",
                f"{fluid:.2f}",
            )
        )
    return lines


def of_zones() -> list[str]:
    """Return what is left of p99 where one of three zones, or one of ten replicas, is away."""
    able = SLOW.scorers / SLOW_SECONDS
    lines = head("busy", "p99 ms", "a zone of three away: busy", "p99 ms", "a replica of ten away: busy", "p99 ms")
    for share in (0.4, 0.5, 0.6, 0.65, 0.7):
        cells: list[str] = []
        for away in (1.0, 3 / 2, 10 / 9):
            busy = share * away
            p99 = simulate(SLOW, busy * able, 12_000).outcome.quantile(0.99)
            cells += [f"{busy:.0%}", ms(p99) if busy < 1 else "grows"]
        lines.append(row(*cells))
    return lines


def of_delays() -> list[str]:
    """Return the table of a doubled load on replicas that are 60 % busy, until the same number again is ready."""
    able = SLOW.scorers / SLOW_SECONDS
    before, during = USABLE * able, 2 * USABLE * able
    titles = ("wait by then", "rejected by then", "p99 s by then", "again as before after")
    lines = head("ready after", *(title for name in titles for title in (name, "by arithmetic")))
    for delay in (15, 30, 60, 120):
        waiting, outcome = _doubled(before, delay)
        rejected, answered = (
            sum(QUIET_SECONDS <= when < QUIET_SECONDS + delay for when in times)
            for times in (outcome.rejected, (when for when, _ in outcome.answers))
        )
        # Until somebody who comes has to wait no longer than one of a hundred did before.
        usual = outcome.quantile(0.99, 0, QUIET_SECONDS)
        ready = QUIET_SECONDS + delay
        normal = min(when for when, seconds in outcome.answers if when >= ready and seconds <= usual) - ready
        surplus = (during - able) * delay
        fluid = min(surplus, SLOW.queue)
        p99 = outcome.quantile(0.99, QUIET_SECONDS, ready)
        pairs = (
            (f"{waiting:,}", f"{fluid:,.0f}"),
            (f"{rejected / (rejected + answered):.1%}", f"{(surplus - fluid) / (during * delay):.1%}"),
            (f"{p99:.1f}", f"{fluid / able:.1f}"),
            (f"{normal:.0f} s", f"{fluid / (able - before):.0f} s"),
        )
        lines.append(row(f"{delay} s", *(cell for pair in pairs for cell in pair)))
    return lines


def _doubled(rate: float, delay: float) -> tuple[int, Outcome]:
    """Return what waits after `delay` of twice the rate at a replica, and what came of all, the usual rate after it."""
    chance = random.Random(1)  # noqa: S311 - a simulation, which has to be the same each time
    ready = QUIET_SECONDS + delay
    arrivals = replicas.in_steps([(rate, QUIET_SECONDS), (2 * rate, delay), (rate, 60)], chance)
    replica = replicas.Replica(SLOW, chance)
    waiting = None
    for when in arrivals:
        if when >= ready and waiting is None:
            replica.advance(ready)
            waiting = replica.queue
        replica.offer(when)
    replica.advance(replicas.NEVER)
    return waiting or 0, replica.outcome


SIGNALLED = {
    "20 ms, one scorer": replace(SLOW, scorers=1),
    "20 ms, two scorers": SLOW,
    "20 ms, eight scorers": replace(SLOW, scorers=8),
    "20 ms a call of up to 64": SLOW_TOGETHER,
    "the running example, alone": ALONE,
    "the running example, together": TOGETHER,
}


def of_signals() -> list[str]:
    """Return at which share of the most p99 is three times the quiet one, and each signal has passed its limit."""
    signals = ["8 wait", "scorers 60 % busy", "0.6 a scorer inside", "4 a scorer inside"]
    lines = head("one replica", "p99 is 3 times the quiet one", *signals)
    for name, service in SIGNALLED.items():
        rate = most_rate(service)
        quiet = simulate(service, QUIET * rate, 4_000).outcome.quantile(0.99)
        crossed: dict[str, float] = {}
        for share in (0.05 * step for step in range(2, 21)):
            replica = simulate(service, share * rate, 4_000)
            outcome = replica.outcome
            inside = outcome.inside / replica.now / service.scorers
            seen = {
                "p99": outcome.quantile(0.99) >= 3 * quiet,
                "8 wait": outcome.queue / replica.now >= QUEUE_TARGET,
                "scorers 60 % busy": outcome.scoring / replica.now >= USABLE * service.scorers,
                "0.6 a scorer inside": inside >= USABLE,
                "4 a scorer inside": inside >= TOGETHER_TARGET,
            }
            for signal in (signal for signal, passed in seen.items() if passed):
                crossed.setdefault(signal, share)
            if len(crossed) == len(seen):
                break
        lines.append(row(name, *(f"{crossed[each]:.0%}" if each in crossed else "never" for each in ("p99", *signals))))
    return lines


def replicas_for(rate: float, able: float, zones: int = 3) -> int:
    """Return how many replicas in that number of zones are USABLE busy at a rate where one of the zones is away.

    `able` is the most that one of them can do.
    """
    return zones * math.ceil(rate / ((zones - 1) * USABLE * able))


def of_the_world() -> list[str]:
    """Return the replicas for a rate of requests in three zones, of which one may be away; by arithmetic alone."""
    lines = head(
        "requests/s",
        "20 ms alone: busy cores",
        "replicas of 4 cores",
        "in flight",
        "the running example, together: busy cores",
        "replicas of 2 cores",
        "proxies of 2 cores",
        "connections from proxies to replicas in a zone",
    )
    four = 4 / SLOW_SECONDS
    example = most(TOGETHER)
    able = len(example.outcome.answers) / example.now
    cores = TOGETHER.cores / able
    for rate in (10**3, 10**4, 10**5, 10**6, 10**7):
        slow, fast = replicas_for(rate, four), replicas_for(rate, able)
        proxies = replicas_for(rate, 2 / PROXY_SECONDS)
        # Little's law: those in a replica are the rate multiplied by the time that each is there.
        inside = rate * (SLOW_SECONDS + wait(USABLE * four, SLOW_SECONDS, 4, 0.0))
        cells = (rate, rate * SLOW_SECONDS, slow, inside, rate * cores, fast, proxies, proxies // 3 * (slow // 3))
        lines.append(row(*(f"{cell:,.0f}" if cell == int(cell) or cell >= 10 else f"{cell:.2g}" for cell in cells)))
    return lines


TABLES = {
    "costs": of_costs,
    "replica": of_one_replica,
    "scorers": of_scorers,
    "balancers": of_balancers,
    "fleets": of_fleets,
    "queues": of_queues,
    "zones": of_zones,
    "delays": of_delays,
    "signals": of_signals,
    "world": of_the_world,
}
