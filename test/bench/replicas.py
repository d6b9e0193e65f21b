"""Replicas of a service, simulated event by event: a front that turns, scorers that take batches, cores that all share.

A front is an event loop. Each of its turns takes all requests and all answers that are there by then, for a time of
its own and a time for each. A scorer takes what waits, up to a limit, for a time a call and a time a sample. Where
there are more of these processes than cores, each has one until it has nothing to do, or for a slice of time where
others want it. What is not simulated: the network, the clients, other work on the machine, memory.
"""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

# What a pool sends ahead to a scorer that is busy, which nb_queue_samples does not count: nb_service.pool.link.
AHEAD_SECONDS, MAX_AHEAD = 0.002, 64
NEVER = float("inf")
# For how long Linux leaves a process on a core that another one wants, on a machine of two cores (base_slice_ns).
SLICE_SECONDS = 0.0014
FRONT = -1


@dataclass(frozen=True)
class Service:
    """What one replica is made of; times in seconds of a core.

    `turn` is what a turn of the front takes, and for each request or answer in it; without any there is no front.
    `call` is the same of a scorer's call, which takes `batch` samples at most. `spread` draws what a call takes as a
    multiple of that. `queue` samples may wait (S2I_MAX_QUEUE), and later samples are rejected.
    """

    call: tuple[float, float]
    turn: tuple[float, float] = (0.0, 0.0)
    scorers: int = 1
    cores: float = NEVER
    batch: int = 1
    queue: float = NEVER
    spread: Callable[[random.Random], float] | None = None

    def ahead(self) -> int:
        """Return how many samples a busy scorer is sent alongside those that it works on."""
        return max(1, min(MAX_AHEAD, int(AHEAD_SECONDS / (self.call[1] + self.call[0] / self.batch)))) - 1


@dataclass
class Outcome:
    """What came of the requests: (when each came that was answered, its seconds), those refused, and sums over time."""

    answers: list[tuple[float, float]] = field(default_factory=list)
    rejected: list[float] = field(default_factory=list)
    # Sample-seconds that nb_queue_samples shows, those of all requests in the replica, and seconds of cores for calls.
    queue: float = 0.0
    inside: float = 0.0
    scoring: float = 0.0
    # Seconds that the front had of a core, and calls of scorers.
    front: float = 0.0
    calls: int = 0

    def quantile(self, share: float, since: float = 0.0, until: float = NEVER) -> float:
        """Return the time within which this share was answered, of the requests that came in that time."""
        ordered = sorted(seconds for came, seconds in self.answers if since <= came < until)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def mean(self) -> float:
        """Return the mean time from arrival to answer."""
        return sum(seconds for _, seconds in self.answers) / len(self.answers)


class Replica:
    """One replica: requests are offered in the order of time, and everything until then happens first."""

    def __init__(self, service: Service, chance: random.Random) -> None:
        self.outcome = Outcome()
        self.now = 0.0
        # How many requests are in it, waiting or worked on.
        self.inside = 0
        self._service = service
        self._chance = chance
        self._has_front = any(service.turn)
        self._ahead = service.ahead() * service.scorers
        # What waits before the front, as (when it came, whether it is an answer), and before the scorers.
        self._before_front: deque[tuple[float, bool]] = deque()
        self._waiting: deque[float] = deque()
        # Processes by what they do: with a core, as (until when, who, of its slice how much by then); without one, but
        # with something to do; with nothing to do.
        self._running: list[tuple[float, int, float]] = []
        self._ready: deque[int] = deque()
        self._idle = [FRONT, *range(service.scorers)] if self._has_front else [*range(service.scorers)]
        # What a process works on, and how long that takes it beyond the time for which it has a core.
        self._work: dict[int, list] = {}
        self._rest: dict[int, float] = {}

    @property
    def queue(self) -> int:
        """Return what nb_queue_samples would say: those that wait and were not sent ahead to a busy scorer."""
        return max(0, len(self._waiting) - self._ahead)

    def offer(self, when: float) -> None:
        """Have a request arrive at this time."""
        self.advance(when)
        self.inside += 1
        if self._has_front:
            self._before_front.append((when, False))
        else:
            self._enter(when)
        self._schedule()

    def advance(self, until: float) -> None:
        """Let time pass until then; without an end, until no process works any more."""
        while self.step(until):
            pass
        if until != NEVER:
            self._pass(until)

    def step(self, until: float = NEVER) -> bool:
        """Let time pass until a process is through, or has had its share; return False where that is not by `until`."""
        if not self._running or self._running[0][0] > until:
            return False
        ends, who, used = heapq.heappop(self._running)
        self._pass(ends)
        is_done = not self._rest[who]
        if is_done:
            self._finish(who, self._work.pop(who))
        # A process leaves its core when it has nothing to do, and when others want it and it has had its share.
        if (is_done and not self._has_work(who)) or (self._ready and used >= SLICE_SECONDS):
            (self._idle if is_done and not self._has_work(who) else self._ready).append(who)
        else:
            self._run(who, used if used < SLICE_SECONDS else 0.0)
        self._schedule()
        return True

    def _has_work(self, who: int) -> bool:
        return bool(self._before_front if who == FRONT else self._waiting)

    def _schedule(self) -> None:
        """Have idle processes get ready that have something to do, and ready ones run as far as there are cores."""
        for who in [who for who in self._idle if self._has_work(who)]:
            self._idle.remove(who)
            self._ready.append(who)
        while self._ready and len(self._running) < self._service.cores:
            who = self._ready.popleft()
            if who in self._work or self._has_work(who):
                self._run(who, 0.0)
            else:
                # Others took what there was.
                self._idle.append(who)

    def _run(self, who: int, used: float) -> None:
        """Have a process go on, or begin with what waits, until it is through or has had its share."""
        if who not in self._work:
            self._begin(who)
        lasts = min(self._rest[who], SLICE_SECONDS - used) if self._service.cores < NEVER else self._rest[who]
        self._rest[who] -= lasts
        heapq.heappush(self._running, (self.now + lasts, who, used + lasts))

    def _begin(self, who: int) -> None:
        service = self._service
        if who == FRONT:
            self._work[who] = [*self._before_front]
            self._before_front.clear()
            self._rest[who] = service.turn[0] + service.turn[1] * len(self._work[who])
            self.outcome.front += self._rest[who]
        else:
            count = min(service.batch, len(self._waiting))
            self._work[who] = [self._waiting.popleft() for _ in range(count)]
            spread = service.spread(self._chance) if service.spread else 1.0
            self._rest[who] = (service.call[0] + service.call[1] * count) * spread
            self.outcome.calls += 1
            self.outcome.scoring += self._rest[who]

    def _pass(self, until: float) -> None:
        seconds = until - self.now
        waiting = len(self._waiting) - self._ahead
        if waiting > 0:
            self.outcome.queue += seconds * waiting
        self.outcome.inside += seconds * self.inside
        self.now = until

    def _enter(self, came: float) -> None:
        if self.queue >= self._service.queue:
            self.outcome.rejected.append(came)
            self.inside -= 1
        else:
            self._waiting.append(came)

    def _finish(self, who: int, work: list) -> None:
        if who == FRONT:
            for came, is_answer in work:
                if is_answer:
                    self._answer(came)
                else:
                    self._enter(came)
            return
        for came in work:
            if self._has_front:
                self._before_front.append((came, True))
            else:
                self._answer(came)

    def _answer(self, came: float) -> None:
        self.outcome.answers.append((came, self.now - came))
        self.inside -= 1


def poisson(rate: float, count: int, chance: random.Random) -> Iterator[float]:
    """Yield the times of that number of independent arrivals."""
    return itertools.accumulate(chance.expovariate(rate) for _ in range(count))


def in_steps(steps: Iterable[tuple[float, float]], chance: random.Random) -> Iterator[float]:
    """Yield the times of arrivals at rates that change: `steps` are (rate, seconds)."""
    began = 0.0
    for rate, seconds in steps:
        when = began + chance.expovariate(rate)
        began += seconds
        while when < began:
            yield when
            when += chance.expovariate(rate)


def simulate(service: Service, rate: float, count: int, seed: int = 1) -> Replica:
    """Return a replica that was asked `count` times at a rate, from being empty to being empty again."""
    chance = random.Random(seed)  # noqa: S311 - a simulation, which has to be the same each time
    return asked(service, poisson(rate, count, chance), chance)


def asked(service: Service, arrivals: Iterable[float], chance: random.Random) -> Replica:
    """Return a replica that was asked at these times."""
    replica = Replica(service, chance)
    for when in arrivals:
        replica.offer(when)
    replica.advance(NEVER)
    return replica


def most(service: Service, clients: int = 256, count: int = 10_000) -> Replica:
    """Return a replica under the load of that number of clients, each of which asks again at once: its maximum."""
    replica = Replica(service, random.Random(1))  # noqa: S311 - the same
    for _ in range(count):
        while replica.inside >= clients:
            replica.step()
        replica.offer(replica.now)
    replica.advance(NEVER)
    return replica


# Each takes what it chooses from and a number that counts requests, and returns the number of a replica.
Choice = Callable[[Sequence[Replica], int, random.Random], int]


def by_lot(replicas: Sequence[Replica], number: int, chance: random.Random) -> int:
    """Return any of them."""
    return chance.randrange(len(replicas))


def in_turn(replicas: Sequence[Replica], number: int, chance: random.Random) -> int:
    """Return the one whose turn it is (HAProxy's roundrobin)."""
    return number % len(replicas)


def less_of_two(replicas: Sequence[Replica], number: int, chance: random.Random) -> int:
    """Return, of two by lot, the one that has less to do (HAProxy's random(2))."""
    one, other = chance.randrange(len(replicas)), chance.randrange(len(replicas))
    return min(one, other, key=lambda each: replicas[each].inside)


def least(replicas: Sequence[Replica], number: int, chance: random.Random) -> int:
    """Return the one that has least to do (HAProxy's leastconn), in turn where several have."""
    start = number % len(replicas)
    order = [*range(start, len(replicas)), *range(start)]
    return min(order, key=lambda each: replicas[each].inside)


def fleet(service: Service, replicas: int, rate: float, count: int, choose: Choice) -> Outcome:
    """Return what came of requests at a rate, each of which a balancer sent to one of that number of replicas."""
    chance = random.Random(1)  # noqa: S311 - the same
    all_of_them = [Replica(service, chance) for _ in range(replicas)]
    for number, when in enumerate(poisson(rate, count, chance)):
        # What a balancer counts is what is there now.
        if choose in {less_of_two, least}:
            for replica in all_of_them:
                replica.advance(when)
        all_of_them[choose(all_of_them, number, chance)].offer(when)
    for replica in all_of_them:
        replica.advance(NEVER)
    return Outcome([answer for replica in all_of_them for answer in replica.outcome.answers])
