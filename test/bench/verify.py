"""Seconds and megabytes of verifying a model: `verify`, loading with a signature and without, and a model's file.

The model has BENCH_VERIFY_MB (200) megabytes of random bytes; in turn, BENCH_ROUNDS times. Seconds are from
a process's start to its end, by the clock and of the CPU: others may use the machine, too. Megabytes are the highest
that the kernel has seen of it.
"""

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from environments import HOME, PLACE, ROOT
from serve import goal

sys.path.insert(0, str(ROOT / "test"))
import signers
from contract import zipapps
from contract.services import make_app_root

MEGABYTES = int(os.environ.get("BENCH_VERIFY_MB", "200"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
NOTEBOOK = """
    import os
    weights = [os.urandom({size})]

    def predictor(x):
        return weights[0][x]
    examples = [0]
"""
# What a scorer does with a model, and nothing else.
LOAD = """\
import json, sys
from nb_scorer.model.load import load
load(sys.argv[1], json.loads(sys.argv[2]))
"""
SERVICE = HOME / "service" / "bin" / "python"


class Taken(NamedTuple):
    """Seconds by the clock and of the CPU, and megabytes at most."""

    seconds: float
    cpu: float
    megabytes: float


def report() -> None:
    """Make the model, measure each way in turn, and print the medians and how the goals were met."""
    folder = PLACE / "verify"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "root").mkdir(parents=True)
    private, public = signers.key_pair(folder)
    root = make_app_root(folder / "root", NOTEBOOK.format(size=MEGABYTES * 1_000_000), {})
    file = zipapps.sign(zipapps.zipapp_of(signers.sign(root / "model", private).parent, folder), private)
    ways = _ways(root, file, public)
    taken: dict[str, list[Taken]] = {name: [] for name in ways}
    for _ in range(ROUNDS + 1):
        for name, command in ways.items():
            taken[name].append(_measured(command, root, public))
    print(f"\nA model of {MEGABYTES} MB, {ROUNDS} rounds, medians: {'seconds':>17}{'of the CPU':>12}{'MB at most':>14}")
    medians = {}
    for name, rounds in taken.items():
        # The first round fills caches.
        middle = Taken(*(statistics.median(each) for each in zip(*rounds[1:], strict=True)))
        medians[name] = middle
        print(f"  {name:48}{middle.seconds:8.2f}{middle.cpu:12.2f}{middle.megabytes:14.0f}")
    plain, signed = medians["loaded without a signature"], medians["loaded with one"]
    more = signed.megabytes - plain.megabytes
    verify = medians["verify"]
    print(goal("seconds of the CPU, verify", verify.cpu, "<= 1", verify.cpu <= 1))
    print(goal("seconds by the clock, verify", verify.seconds, "<= 1", verify.seconds <= 1))
    print(goal("MB more to load what is signed", more, "<= 50", more <= 50))
    print(goal("MB of verify", verify.megabytes, "<= 100", verify.megabytes <= 100))
    shutil.rmtree(folder)


def _ways(root: Path, file: Path, public: Path) -> dict[str, Sequence[str | Path]]:
    import json

    from nb_service.signature.trust import Trust

    digests = json.dumps(dict(Trust(str(public)).digests_of(root / "model")))
    # By a Python that has cloudpickle.
    load = (sys.executable, "-I", "-c", LOAD, root / "model")
    return {
        "verify": (SERVICE, "-I", "-m", "nb_service", "verify"),
        "loaded without a signature": (*load, "null"),
        "loaded with one": (*load, digests),
        "a file of make zipapp, --verify": (zipapps.PYTHON, file, "--key", public, "--verify"),
    }


def _measured(command: Sequence[str | Path], root: Path, public: Path) -> Taken:
    """Return what a run of the command took, which must succeed."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "APP_ROOT": str(root),
        "S2I_VERIFY_KEY_FILE": str(public),
    }
    began = time.perf_counter()
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    # The usage of this one process, instead of the highest of all so far.
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return Taken(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)
