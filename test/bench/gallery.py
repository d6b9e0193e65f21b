"""The gallery of docs/examples: what each build takes, and what its service takes, as the page there shows it.

Each example is built twice, so that its packages are in uv's cache, and the second build counts. Its service, with
one scorer, is then asked the notebook's own samples over one connection. Last comes the native program, translated and
verified as `nb-builder native` does it, for which gcc is needed. BENCH_EXAMPLES names examples (`table text`), or
folders of
others. All of it takes ten minutes and downloads a gigabyte the first time; an example that can't be built is left out.
"""

import http.client
import json
import os
import shutil
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from environments import ENVIRON, HOME, PLACE, ROOT, run, service_of
from nb_builder.common.log import Log
from nb_builder.common.workspace import Workspace
from nb_builder.comparison.memory import Peak
from nb_builder.native import steps
from nb_builder.problems.native_images import NativeRefused, NativeUnproved
from nb_scorer.model import golden_rows
from peers import Peer
from running import Running

EXAMPLES = ROOT / "docs/examples"
ASKED = 300
WARM = 30


@dataclass(frozen=True)
class Figures:
    """One example: seconds of its build, MB of its environment, kB of its model, and what its service came to.

    `sample` is the median of milliseconds that a request takes, `memory` the MB that a scorer has needed at most.
    """

    build: float
    environment: float
    model: float
    sample: float
    memory: float
    batched: str
    native: str


def report() -> None:
    """Build and ask each example; print a line for each."""
    names = os.environ.get("BENCH_EXAMPLES", "").split()
    folders = [EXAMPLES / name for name in names] or sorted(path for path in EXAMPLES.iterdir() if path.is_dir())
    print(f"{'':16}{'build s':>9}{'venv MB':>9}{'model kB':>10}{'ms':>7}{'MB':>6}  batched; native")
    for folder in folders:
        try:
            one = figures_of(folder)
        except RuntimeError as error:
            print(f"{folder.name:16}left out: {str(error).splitlines()[-1]}", flush=True)
            continue
        numbers = f"{one.build:9.1f}{one.environment:9.0f}{one.model:10.1f}{one.sample:7.2f}{one.memory:6.0f}"
        print(f"{folder.name:16}{numbers}  {one.batched}; {one.native}", flush=True)


def figures_of(folder: Path) -> Figures:
    """Return the figures of the example in `folder`; raise RuntimeError where it can't be built."""
    app_root = PLACE / f"gallery-{folder.name}"
    _build(folder, app_root)
    seconds = _build(folder, app_root)
    reported = json.loads((app_root / "build/report.json").read_text())
    gain = reported["batching"].get("gain")
    sample, memory = _ask(folder.name, app_root)
    return Figures(
        seconds,
        _size(app_root / "venv") / 1e6,
        (app_root / "model/model.pickle").stat().st_size / 1e3,
        sample,
        memory,
        f"{gain} times" if gain else reported["batching"].get("reason", "no"),
        _native(folder.name, app_root),
    )


def _build(folder: Path, app_root: Path) -> float:
    """Build the example from scratch; return the seconds that assemble took."""
    source = PLACE / f"gallery-source-{folder.name}"
    for path in (app_root, source):
        shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(folder, source)
    app_root.mkdir(parents=True)
    settings = source / ".s2i/environment"
    lines = settings.read_text().splitlines() if settings.exists() else []
    # What the person who builds allows; only the example of PyTorch asks for it.
    own = {"S2I_ALLOW_INDEXES": "download.pytorch.org", **dict(line.split("=", 1) for line in lines)}
    environ = {**ENVIRON, "NB_BUILDER_HOME": str(HOME), "APP_ROOT": str(app_root), "S2I_SRC": str(source), **own}
    began = time.monotonic()
    run([ROOT / "s2i/bin/assemble"], environ)
    return time.monotonic() - began


def _ask(name: str, app_root: Path) -> tuple[float, float]:
    """Return (median of the milliseconds of a request, MB that a scorer needed at most)."""
    rows = golden_rows.plain(golden_rows.read(app_root / "model"))
    bodies = [json.dumps(row["sample"]) for row in rows]
    peer = Peer(f"gallery-{name}", "", body=bodies[0])
    service = Running(peer, lambda _, port: service_of(app_root, WEB_CONCURRENCY="1", PORT=str(port)))
    try:
        if not service.wait():
            raise RuntimeError(f"the service does not answer: see {PLACE}/gallery-{name}.log")
        took = _times(service.port, bodies)
        peak = Peak(service.process.pid)
        peak.look()
    finally:
        service.stop()
    return statistics.median(took[WARM:]) * 1000, (peak.bytes or 0) / 1e6


def _times(port: int, bodies: list[str]) -> list[float]:
    """Return the seconds of WARM + ASKED requests, one after the other, over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    took = []
    try:
        for number in range(WARM + ASKED):
            began = time.perf_counter()
            connection.request("POST", "/predict", bodies[number % len(bodies)], {"Content-Type": "application/json"})
            response = connection.getresponse()
            response.read()
            took.append(time.perf_counter() - began)
            if response.status != http.HTTPStatus.OK:
                raise RuntimeError(f"asked {bodies[number % len(bodies)]}, the service answered {response.status}")
    finally:
        connection.close()
    return took


def _native(name: str, app_root: Path) -> str:
    """Return what a native program of the model comes to: its size, or why there is none."""
    work, app = PLACE / f"gallery-native-{name}", Workspace(app_root)
    shutil.rmtree(work, ignore_errors=True)
    quiet = Log((PLACE / f"gallery-native-{name}.log").open("w"))
    try:
        steps.translate(app, work, quiet)
        if shutil.which("gcc") is None:
            return "translated, not proved for want of gcc"
        run(["sh", work / steps.COMPILE], ENVIRON)
        shutil.copytree(work / steps.MADE, work, dirs_exist_ok=True)
        steps.prove(app, work, quiet, f"nb-bench-gallery-{name}")
    except (NativeRefused, NativeUnproved) as rejected:
        return rejected.what
    return f"{(work / steps.PROVED / steps.PROGRAM).stat().st_size / 1e3:.0f} kB"


def _size(folder: Path) -> int:
    """Return the bytes of the files in `folder`, each once."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
