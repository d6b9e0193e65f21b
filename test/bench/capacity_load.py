"""One replica on the first core, and what asks it from the last one, at a rate that does not depend on its answers."""

import json
import os
import subprocess
import sys
from pathlib import Path

from environments import ROOT, service_of

LOAD = ROOT / "test" / "open_loop.py"
CONNECTIONS = 128
SEED = 1


def on_first_core(app_root: Path, **settings: str) -> tuple[list, dict]:
    """Return (command, environment) of a service with one scorer on the first core."""
    command, environ = service_of(app_root, WEB_CONCURRENCY="1", **settings)
    return ["taskset", "-c", str(min(os.sched_getaffinity(0))), *command], environ


def asked(port: int, rate: str, seconds: float) -> dict:
    """Return what open_loop.py says of asking at a rate, as it is written there, from the last core."""
    core = ["taskset", "-c", str(max(os.sched_getaffinity(0)))]
    words = ["127.0.0.1", port, rate, seconds, CONNECTIONS, SEED]
    return json.loads(subprocess.check_output([*core, sys.executable, LOAD, *map(str, words)]))
