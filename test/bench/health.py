"""How long /healthz takes while scorers, connections and the app are busy, and while the same service is idle.

wrk keeps every scorer busy with arrays over CONNECTIONS connections, and BODIES clients send bodies of 15 MB to another
protocol.
"""

import http.client
import statistics
import subprocess
import time
from dataclasses import replace

from peers import PEERS
from running import Running
from serve import MANY, body_of, goal, wrk_script

CONNECTIONS = 250
BODIES = 4
SECONDS = 20
# About as often as an orchestrator with a hundred probes would.
PAUSE = 0.02
# Arrays keep the scorers busy, but leave the front idle.
OURS = replace(next(peer for peer in PEERS if peer.name == "nb-batch"), path="/predict/batch", body=body_of(MANY))
PROTOCOL = "/v1/models/model:predict"
BODY = """'{"instances": [' .. string.rep('[0.25,0.75],', 1250000) .. '[0.25,0.75]]}'"""


def report() -> None:
    """Print the percentiles of /healthz at rest and under load, and whether the goal was met."""
    service = Running(OURS)
    if not service.wait():
        raise RuntimeError("The service does not answer.")
    try:
        rest = probed(service.port, SECONDS / 4)
        under_load = loaded(service.port)
    finally:
        service.stop()
    print(f"/healthz in ms, {CONNECTIONS} connections that predict, {BODIES} with bodies of 15 MB: p50, p99, most")
    for words, seconds in (("at rest", rest), ("under load", under_load)):
        shown = (statistics.median(seconds), p99(seconds), max(seconds))
        print(f"  {words:<12}" + "".join(f"{1000 * one:8.2f}" for one in shown))
    print()
    print(goal("p99 of /healthz under load, ms", 1000 * p99(under_load), "< 10", p99(under_load) < 0.01))


def p99(seconds: list[float]) -> float:
    """Return the 99th percentile."""
    return statistics.quantiles(seconds, n=100)[98]


def probed(port: int, seconds: float) -> list[float]:
    """Return how long each GET /healthz took, asked on a new connection each time, as probes do."""
    taken, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.perf_counter()
        probe = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        probe.request("GET", "/healthz")
        if probe.getresponse().status != http.client.OK:
            raise RuntimeError("/healthz does not say 200.")
        taken.append(time.perf_counter() - began)
        probe.close()
        time.sleep(PAUSE)
    return taken


def loaded(port: int) -> list[float]:
    """Return what `probed` gives under load."""
    url = f"http://127.0.0.1:{port}"
    predictions = asked("health", f"'{OURS.body}'", CONNECTIONS, url + OURS.path)
    # wrk makes the body itself, so that no time of this process goes into sending.
    bodies = asked("health-bodies", BODY, BODIES, url + PROTOCOL)
    with subprocess.Popen(predictions, stdout=subprocess.DEVNULL), subprocess.Popen(bodies, stdout=subprocess.DEVNULL):
        time.sleep(1)
        return probed(port, SECONDS)


def asked(name: str, body: str, connections: int, url: str) -> list[str]:
    """Return the command that posts a body, an expression of Lua, over these connections until probing is over."""
    script = wrk_script(name, body, "application/json")
    seconds = f"-d{SECONDS + 2}s"
    return ["wrk", "-t1", f"-c{connections}", seconds, "--timeout", "60s", "-s", str(script), url]
