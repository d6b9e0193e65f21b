"""Seconds of the real `s2i build`: clean, incremental, and with the model taken over; one engine, one run."""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "test"))

from engine import bases, daemon, docker, s2i_tool  # noqa: E402 - found by the line above
from engine.s2i import S2i, git_repository, must  # noqa: E402
from image.conftest import make_builder  # noqa: E402

IMAGE = "nb-bench-incremental"
ROUNDS = 3
KINDS = {
    "clean": ((), {}),
    "incremental": (("--incremental",), {}),
    "incremental, model taken over": (("--incremental",), {"S2I_REUSE_MODEL": "1"}),
}


def report() -> None:
    """Build the running example in each way in turn, and print the table."""
    with daemon.running() as found, tempfile.TemporaryDirectory() as folder:
        os.environ["DOCKER_HOST"] = found.host
        s2i = S2i(s2i_tool.program(), make_builder("nb-builder-candidate", bases.MAIN))
        source = git_repository(ROOT / "docs/examples/kmeans", Path(folder) / "repo")
        print(f"\ns2i build of the running example, {ROUNDS} rounds, seconds (in brackets: assemble's own)")
        rows = [{name: _measure(s2i, source, *kind) for name, kind in KINDS.items()} for _ in range(ROUNDS)]
        docker.docker("image", "rm", "--force", IMAGE, ok=False)
    for name in KINDS:
        cells = "".join(f"{row[name][0]:8.1f} ({row[name][1]:4.1f})" for row in rows)
        print(f"  {name:32}{cells}   clean / this: {_ratio(rows, name, 0):.2f}, assemble {_ratio(rows, name, 1):.2f}")


def _measure(s2i: S2i, source: str, options: tuple[str, ...], env: dict[str, str]) -> tuple[float, float]:
    """Return the seconds of s2i and, of these, assemble's steps as its report has them."""
    started = time.monotonic()
    must(s2i.build(source, IMAGE, *options, env=env))
    seconds = time.monotonic() - started
    program = "import json; print(sum(json.load(open('/opt/app-root/build/report.json'))['seconds'].values()))"
    ran = docker.docker("run", "--rm", IMAGE, "python3", "-c", program)
    return seconds, float(ran.stdout)


def _ratio(rows: list[dict], name: str, figure: int) -> float:
    return statistics.median(row["clean"][figure] / row[name][figure] for row in rows)
