"""Calls a second by gRPC alongside other servers in the same run, in turn; and one large tensor.

Set BENCH_PEERS to names (nb, nb-batch, by-hand, empty, mlserver, triton) to compare with those only, BENCH_ROUNDS and
BENCH_SECONDS to measure longer. The client is grpcio, too, and takes a core.
"""

import json
import os
import statistics
import subprocess
import time
from dataclasses import replace

from environments import (
    ENVIRON,
    HOME,
    PLACE,
    ROOT,
    SERVERS,
    built,
    environment_with,
    free_port,
    run,
    service_of,
)
from peers import PEERS, Peer
from running import START_SECONDS, Running, alone

CALLS = 64
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "3"))
# By hand, each row is a call of predictor, which takes long.
LARGE_ROWS = 10_000
# Calls a second at CALLS: (ours, peer, the minimum factor).
GOALS = (("nb-batch", "mlserver", 3.0), ("nb-batch", "triton", 1.5), ("nb-batch", "by-hand", 2.0))
OURS = ("nb", "nb-batch")
NAMES = (*OURS, "by-hand", "empty", "mlserver", "triton")
# The second shows what of a call is grpcio's own, which all of them have but the last two.
BY_HAND = {
    "by-hand": ("grpcio by hand, 2 workers", "grpc_by_hand.py"),
    "empty": ("grpcio in asyncio that answers nothing", "grpc_empty.py"),
}
CLIENT = ("tritonclient[grpc]==2.73.0",)


def report() -> None:
    """Start the servers, ask them in turn, print the table and how the goals were met."""
    chosen = os.environ.get("BENCH_PEERS", "").replace(",", " ").split() or NAMES
    client = environment_with("grpc-client", built("nb-batch"), CLIENT)
    running, addresses = [], {}
    try:
        for name in chosen:
            addresses[name] = f"127.0.0.1:{free_port()}"
            running.append(_started(name, addresses[name]))
            # All of them are there, with the model, before the first is measured.
            _wait(client, addresses[name])
        rates = {name: [] for name in chosen}
        large = {}
        for _ in range(ROUNDS):
            for one in running:
                name = one.peer.name
                with alone(one, running):
                    before = one.cpu()[0]
                    seen = _asked(client, addresses[name], CALLS, SECONDS, 1)
                    seen["cpu"] = (one.cpu()[0] - before) / max(1, seen["answers"]) * 1e6
                    rates[name].append(seen)
        for one in running:
            with alone(one, running):
                large[one.peer.name] = _asked(client, addresses[one.peer.name], 1, SECONDS, LARGE_ROWS)
    finally:
        for one in running:
            one.stop()
    _show(rates, large)


def _wait(client: os.PathLike, address: str) -> None:
    until = time.monotonic() + START_SECONDS
    while not _asked(client, address, 1, 0.1, 1)["answers"]:
        if time.monotonic() > until:
            raise RuntimeError(f"{address} answers nothing.")
        time.sleep(0.5)


def _show(rates: dict[str, list[dict]], large: dict[str, dict]) -> None:
    print(f"| gRPC | calls/s at {CALLS} | p50 ms | p99 ms | CPU µs a call | errors | {LARGE_ROWS} rows, p50 ms |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    medians = {}
    for name, rounds in rates.items():
        medians[name] = statistics.median(one["rate"] for one in rounds)
        half, most, cpu = (statistics.median(one[key] for one in rounds) for key in ("p50", "p99", "cpu"))
        errors = sum(one["errors"] for one in rounds)
        rows = large[name]["p50"]
        print(f"| {name} | {medians[name]:.0f} | {half:.1f} | {most:.1f} | {cpu:.0f} | {errors} | {rows:.0f} |")
    for ours, peer, least in GOALS:
        if ours in medians and peer in medians:
            ratio = medians[ours] / medians[peer]
            print(f"{'ok' if ratio >= least else 'NOT MET'}: {ours} / {peer} is {ratio:.2f}, at least {least}")


def _asked(client: os.PathLike, address: str, calls: int, seconds: float, rows: int) -> dict:
    """Return what grpc_load.py saw; raise RuntimeError where it fails."""
    words = [address, str(calls), str(seconds), str(rows)]
    command = [f"{client}/bin/python", SERVERS / "grpc_load.py", *words]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=600, env=ENVIRON)
    if ran.returncode:
        raise RuntimeError(f"{address} was not asked:\n{ran.stderr[-2000:]}")
    return json.loads(ran.stdout)


def _started(name: str, address: str) -> Running:
    port = address.rpartition(":")[2]
    if name in OURS:
        return Running(Peer(name, name), lambda peer, http: _ours(name, port))
    if name in BY_HAND:
        title, program = BY_HAND[name]
        return Running(Peer(name, title, CLIENT, ("python", program, port)))
    peer = next(peer for peer in PEERS if peer.name == name)
    if name == "mlserver":
        return Running(replace(peer, settings=(("grpc_port", int(port)),)))
    return Running(replace(peer, command=(*peer.command, port)))


def _ours(name: str, port: str) -> tuple[list, dict]:
    """Return (command, environment) of our service with gRPC, in an environment with the extra."""
    folder, uv = PLACE / "grpc-ours", HOME / "build/bin/uv"
    if not (folder / "made").exists():
        run([uv, "venv", "--quiet", "--clear", "--python", HOME / "test/bin/python", folder], ENVIRON)
        what = ["-e", f"{ROOT}/app-skeleton[grpc]", "-c", ROOT / "s2i/requirements.lock"]
        run([uv, "pip", "install", "--quiet", "--python", folder, *what], ENVIRON)
        (folder / "made").touch()
    (_, *words), environ = service_of(built(name), S2I_GRPC_PORT=port, S2I_MODEL_NAME="kmeans")
    return [folder / "bin/python", *words], environ
