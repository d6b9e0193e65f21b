"""Latency from a predictor's yield to the client, over loopback: of the first item and of later ones, for both fronts.

The predictor yields the time; the client, on one connection that stays open, compares it with the time at which it has
the line. BENCH_REQUESTS (300) streams for each front, one after the other, with one scorer. Then 200 streams at once
with 4 scorers, each of 20 items: when the first and the last of them end.
"""

import http.client
import json
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from environments import ROOT
from serve import goal

sys.path.insert(0, str(ROOT / "test"))
from contract.services import Service, make_app_root

REQUESTS = int(os.environ.get("BENCH_REQUESTS", "300"))
MAX_MS = 2.0
ITEMS = 5
AT_ONCE, SCORERS, LONG = 200, 4, 20
HEADERS = {"Content-Type": "application/json", "Accept": "application/x-ndjson"}
NOTEBOOK = """
    import time

    def predictor(x):
        for _ in range(x):
            yield time.monotonic()
            time.sleep(0.002)
"""


def report() -> None:
    """Measure both fronts, print the times, and whether the goal is met."""
    with tempfile.TemporaryDirectory() as folder:
        root = make_app_root(Path(folder), NOTEBOOK, {}, "/nowhere")
        for front in ("asyncio", "waitress"):
            service = Service(root, S2I_FRONT=front, WEB_CONCURRENCY="1").ready()
            try:
                first, later = _delays(service)
            finally:
                service.close()
            middle = statistics.median(first)
            print(f"{front}: first item p50 {middle:.2f} ms, p99 {_p99(first):.2f} ms; ", end="")
            print(f"later items p50 {statistics.median(later):.2f} ms, p99 {_p99(later):.2f} ms")
            print(goal(f"{front}: first item after its yield, ms", middle, f"<= {MAX_MS:g}", middle <= MAX_MS))
        _measure_many(root)


def _delays(service: Service) -> tuple[list[float], list[float]]:
    """Return how many milliseconds first items and later ones took to the client."""
    first, later = [], []
    connection = http.client.HTTPConnection("127.0.0.1", service.port)
    for _ in range(REQUESTS):
        connection.request("POST", "/predict", json.dumps(ITEMS), HEADERS)
        response = connection.getresponse()
        delays = [(time.monotonic() - float(line)) * 1000 for line in response]
        first.append(delays[0])
        later += delays[1:]
    connection.close()
    return first, later


def _measure_many(root: Path) -> None:
    service = Service(root, WEB_CONCURRENCY=str(SCORERS)).ready()
    begun = time.monotonic()

    def ended(_: int) -> float:
        connection = http.client.HTTPConnection("127.0.0.1", service.port)
        connection.request("POST", "/predict", json.dumps(LONG), HEADERS)
        lines = connection.getresponse().read().splitlines()
        connection.close()
        assert len(lines) == LONG
        return time.monotonic() - begun

    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            times = sorted(pool.map(ended, range(AT_ONCE)))
    finally:
        service.close()
    print(f"{AT_ONCE} streams at once with {SCORERS} scorers: the first ends after {times[0]:.2f} s, ", end="")
    print(f"half of them after {times[AT_ONCE // 2]:.2f} s, the last after {times[-1]:.2f} s")


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]
