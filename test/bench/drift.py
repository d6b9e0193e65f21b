"""What watching for drift costs: services with S2I_DRIFT=auto and off, asked in turn by wrk, the other standing still.

Three services under full load: the running example with batch_predictor asked by 64 connections with one sample a
request; the same by two connections with a thousand samples a request; and samples of thirty numbers whose
predictor does nothing, where what surrounds it is all there is. BENCH_ROUNDS (10) and BENCH_SECONDS as for serve.
The share is what counting took of the processor, by the service's own clock, of what all its processes took. Beside it
are medians of ratios of one round; on a busy machine they differ by more than the share.
"""

import json
import os
import random
import re
import statistics
import sys
import urllib.request
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import serve
from environments import PLACE, ROOT, built, service_of
from peers import SAMPLE, Peer
from running import Running, add, alone
from serve import goal, measure

sys.path.insert(0, str(ROOT / "test"))
from contract.services import make_app_root

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "10"))
MAX_COUNT = 0.03
WIDE = 30
WIDE_NOTEBOOK = """
    import random
    chance = random.Random(3)
    baseline = [[chance.gauss(0, 1) for _ in range({width})] for _ in range(2000)]

    def predictor(x):
        return x[0] > 0

    def batch_predictor(xs):
        return [x[0] > 0 for x in xs]

    examples = baseline[:10]
"""


def report() -> None:
    """Measure both forms of each service in turn, and print the ratios and whether the goal is met."""
    if not serve.is_ready():
        return
    chance = random.Random(4)  # noqa: S311 - numbers to be predicted for
    wide = json.dumps([round(chance.gauss(0, 1), 4) for _ in range(WIDE)])
    example = partial(built, "nb-batch")
    # Each by itself: the pairs of one are compared, and fewer processes wait next to them.
    cases: list[tuple[str, Callable[[], Path], str, str, int]] = [
        ("two numbers a request", example, "/predict", SAMPLE, 64),
        ("1,000 samples a request", example, "/predict/batch", serve.body_of(1000), 2),
        (f"{WIDE} numbers a request", _wide, "/predict", wide, 64),
    ]
    print(f"\nS2I_DRIFT=auto beside off, {ROUNDS} interleaved rounds of {serve.SECONDS} s; load {serve.load()}")
    print(f"  {'':26}{'share':>8}{'CPU a request':>16}{'rate':>8}{'p99':>8}   auto: CPU of all, and requests a second")
    for name, app_root, path, body, connections in cases:
        _case(name, app_root(), Peer("", "", path=path, body=body), connections)


def _wide() -> Path:
    """Return the APP_ROOT of a notebook with samples of WIDE numbers."""
    folder = PLACE / "app-root-drift-wide"
    if not (folder / "model/baseline.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        make_app_root(folder, WIDE_NOTEBOOK.format(width=WIDE), {})
    return folder


def _case(name: str, app_root: Path, asked: Peer, connections: int) -> None:
    """Print the ratios of one service."""
    if not (app_root / "model/baseline.json").exists():
        sys.exit(f"{app_root} was built without a baseline; remove it, and it is built anew")
    running: list[Running] = []
    rounds: dict[str, list[serve.Round]] = {"auto": [], "off": []}
    try:
        for word in rounds:
            peer = replace(asked, name=f"nb-drift-{word}")
            add(peer, running, lambda peer, port, word=word: service_of(app_root, S2I_DRIFT=word))
        watching = running[0]
        before = (0.0, 0.0)
        for number in range(ROUNDS + 1):
            if number == 1:
                # Behind what is saved up for the start, as far as one round reaches.
                before = _counting(watching), watching.cpu()[0]
            # Who is first changes: the second finds a warmer machine.
            for one in running if number % 2 else running[::-1]:
                with alone(one, running):
                    rounds[one.peer.name.rpartition("-")[2]].append(measure(one, connections, one.peer))
        share = (_counting(watching) - before[0]) / (watching.cpu()[0] - before[1])
    finally:
        for one in running:
            one.stop()
    # The first of each fills caches.
    pairs = list(zip(rounds["auto"][1:], rounds["off"][1:], strict=True))
    cpu, rate, p99 = (
        statistics.median(getattr(auto, figure) / getattr(off, figure) for auto, off in pairs)
        for figure in ("cpu", "rate", "p99")
    )
    shown = statistics.median(auto.cpu for auto, _ in pairs), statistics.median(auto.rate for auto, _ in pairs)
    print(f"  {name:26}{share:8.4f}{cpu:16.3f}{rate:8.3f}{p99:8.2f}   {shown[0]:.1f} µs, {shown[1]:.0f}/s")
    print(goal(f"share of CPU, {name}", share, f"<= {MAX_COUNT}", share <= MAX_COUNT))


def _counting(one: Running) -> float:
    """Return the seconds that counting has taken in a service."""
    with urllib.request.urlopen(f"http://127.0.0.1:{one.port}/metrics") as answer:
        text = answer.read().decode()
    return float(re.search(r"^nb_drift_counting_seconds_total (\S+)$", text, re.MULTILINE)[1])
