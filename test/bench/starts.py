"""Seconds from a service's start to its first answers, alongside a bare interpreter that loads the model and predicts.

Rounds are interleaved; what is asked for is asked every millisecond. BENCH_ROUNDS says how many.
"""

import os
import socket
import statistics
import subprocess
import time
from dataclasses import dataclass, field

from environments import ENVIRON, SERVERS, built, command_of, free_port
from peers import PEERS, Peer
from serve import goal

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "15"))
PATIENCE = 60.0
OURS = next(peer for peer in PEERS if peer.name == "nb-batch")
BARE = "import model; print(model.predictor([0.2, 0.7]))"


@dataclass
class Figures:
    """Seconds, one a round."""

    health: list[float] = field(default_factory=list)
    answer: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)


def report() -> None:
    """Start the service and the bare interpreter in turn; print the figures and how the goals were met."""
    figures = Figures()
    for _ in range(ROUNDS + 1):
        for kind, seconds in zip(("health", "answer"), ours(), strict=True):
            getattr(figures, kind).append(seconds)
        figures.bare.append(bare())
    rows = {
        "to /healthz": figures.health[1:],  # the first round fills caches
        "to the first prediction": figures.answer[1:],
        "bare interpreter, one prediction": figures.bare[1:],
    }
    print(f"Seconds from the start, {ROUNDS} rounds: median, least, most")
    for words, got in rows.items():
        print(f"  {words:<34} {statistics.median(got):.3f}  {min(got):.3f}  {max(got):.3f}")
    health, answer, alone = map(statistics.median, rows.values())
    print()
    print(goal("seconds to /healthz", health, "<= 0.1", health <= 0.1))
    print(goal("first prediction / bare interpreter", answer / alone, "<= 1.15", answer <= 1.15 * alone))


def ours() -> tuple[float, float]:
    """Return the seconds until a service answers /healthz, and until it answers a prediction."""
    port = free_port()
    command, environ = command_of(OURS, port)
    began = time.monotonic()
    process = subprocess.Popen(
        command, env={**environ, "PORT": str(port)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        health = until_answered(port, b"GET /healthz HTTP/1.0\r\n\r\n") - began
        return health, until_answered(port, request(OURS)) - began
    finally:
        process.terminate()
        process.wait()


def request(peer: Peer) -> bytes:
    """Return the request of a prediction."""
    head = f"POST {peer.path} HTTP/1.0\r\nContent-Type: {peer.kind}\r\nContent-Length: {len(peer.body)}\r\n\r\n"
    return (head + peer.body).encode()


def until_answered(port: int, asked: bytes) -> float:
    """Return the time at which this was answered with 200; raise TimeoutError after PATIENCE seconds."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
                client.sendall(asked)
                if client.recv(12).endswith(b" 200"):
                    return time.monotonic()
        except OSError:
            pass
        time.sleep(0.001)
    raise TimeoutError(f"no answer on port {port}")


def bare() -> float:
    """Return the seconds in which an interpreter loads the model and predicts once."""
    app_root = built(OURS.name)
    environ = {**ENVIRON, "BENCH_MODEL": str(app_root / "model/model.pickle")}
    began = time.monotonic()
    subprocess.run(
        [app_root / "venv/bin/python", "-c", BARE], env=environ, cwd=SERVERS, check=True, capture_output=True
    )
    return time.monotonic() - began
