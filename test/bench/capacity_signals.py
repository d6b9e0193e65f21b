"""Which comes first while load grows: a signal for autoscalers, or late answers, at a real replica.

One replica with one scorer, on one core, is asked from another at a rate that grows evenly from a tenth of what it can
do to half as much again. Its own metrics say twice a second what waits and what is in flight. Everything is a mean of
the last SMOOTH_SECONDS, p99 of what was answered in them: so an autoscaler sees a metric of several pods.
"""

import re
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import serve
from capacity_load import asked, on_first_core
from capacity_tables import QUEUE_TARGET, TOGETHER_TARGET, USABLE, head, ms, row
from environments import PLACE, ROOT
from peers import Peer
from running import Running

sys.path.insert(0, str(ROOT / "test"))
from contract.services import make_app_root

SMOOTH_SECONDS = 3.0
RAMP_SECONDS = 60.0
QUIET_SECONDS = 15.0
SPIN = """
    import time

    def work(seconds):
        until = time.process_time() + seconds
        while time.process_time() < until:
            pass
"""
ALONE = """
    def predictor(x):
        work(0.005)
        return 4

    examples = [[0.2, 0.7]]
"""
TOGETHER = """
    def predictor(x):
        work(0.02)
        return 4

    def batch_predictor(xs):
        work(0.02 + 0.0005 * len(xs))
        return [4 for _ in xs]

    examples = [[0.2, 0.7]]
"""


@dataclass(frozen=True)
class Case:
    """A predictor, the most requests a second that a scorer of it can do, and what may be inside the replica."""

    says: str
    notebook: str
    able: float
    inside: float


CASES = (
    Case("5 ms, asked alone", SPIN + ALONE, 1 / 0.005, USABLE),
    Case("20 ms a call of up to 64", SPIN + TOGETHER, 64 / (0.02 + 64 * 0.0005), TOGETHER_TARGET),
)


@dataclass
class Watch:
    """What a replica's metrics said: (seconds of the monotonic clock, samples that wait, samples in flight)."""

    port: int
    seen: list[tuple[float, float, float]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Look twice a second until it is over."""
        while not self.over.wait(0.5):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
                text = answer.read().decode()
            waiting, in_flight = (
                float(re.search(rf"^nb_{name}_samples (\S+)$", text, re.MULTILINE)[1])
                for name in ("queue", "in_flight")
            )
            self.seen.append((time.monotonic(), waiting, in_flight))


def report() -> None:
    """Print for each predictor when which signal passed its limit, in the seconds of the ramp and as a share."""
    if serve.is_ready():
        print(f"\nLoad that grows within {RAMP_SECONDS:.0f} s; load {serve.load()}")
        signals = (f"{QUEUE_TARGET} wait", "inside: as many a scorer as it may be")
        print("\n".join(head("one replica", "p99 quiet, ms", "p99 is 3 times that", *signals)))
        for case in CASES:
            print(measured(case), flush=True)


def measured(case: Case) -> str:
    """Return the row of a predictor."""
    folder = PLACE / f"app-root-signals-{case.inside:.0f}"
    if not (folder / "model/manifest.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        make_app_root(folder, case.notebook, {})
    service = Running(Peer("nb-signals", case.says), lambda peer, port: on_first_core(folder))
    watch = Watch(service.port)
    thread = threading.Thread(target=watch.run)
    try:
        if not service.wait():
            sys.exit(f"the service does not answer: see {PLACE}/nb-signals.log")
        quiet = _p99([taken for _, taken, _ in asked(service.port, f"{case.able / 10}", QUIET_SECONDS)["requests"]])
        thread.start()
        ramp = asked(service.port, f"{case.able / 10}:{1.5 * case.able}", RAMP_SECONDS)
    finally:
        watch.over.set()
        if thread.is_alive():
            thread.join()
        service.stop()
    answered = [(due + taken / 1000, taken) for due, taken, _ in ramp["requests"]]
    gauges = [(when - ramp["began"], waiting, in_flight) for when, waiting, in_flight in watch.seen]

    def p99(now: float) -> bool:
        recent = [taken for when, taken in answered if now - SMOOTH_SECONDS < when <= now]
        return bool(recent) and _p99(recent) >= 3 * quiet

    def passes(limit: float, value: Callable[[float, float], float]) -> Callable[[float], bool]:
        def passed(now: float) -> bool:
            recent = [value(*pair) for when, *pair in gauges if now - SMOOTH_SECONDS < when <= now]
            return bool(recent) and sum(recent) / len(recent) >= limit

        return passed

    inside = passes(case.inside, lambda waiting, in_flight: waiting + in_flight)
    waiting = passes(QUEUE_TARGET, lambda waiting, in_flight: waiting)
    return row(case.says, ms(quiet / 1000), *(_first(signal) for signal in (p99, waiting, inside)))


def _p99(taken: Sequence[float]) -> float:
    return sorted(taken)[int(0.99 * len(taken))]


def _first(signal: Callable[[float], bool]) -> str:
    """Return when a signal first passed its limit for good: it does so a second later, too."""
    steps = [0.5 * step for step in range(int(2 * SMOOTH_SECONDS), int(2 * RAMP_SECONDS))]
    passed = [now for now in steps if signal(now) and signal(now + 0.5) and signal(now + 1.0)]
    if not passed:
        return "never"
    share = 0.1 + 1.4 * passed[0] / RAMP_SECONDS
    return f"{passed[0]:.0f} s, {share:.0%}"
