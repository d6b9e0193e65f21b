"""Public notebooks: how many are built with the smallest cells added, and how many answer as they did themselves.

Repositories are fetched once by `git clone` and kept. A row says what became of its notebook; what could not be fetched
is a row, too.
"""

import json
import shutil
import signal
import statistics
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import clones
import nbformat
from environments import COMPILING, HOME, PLACE, ROOT, free_port
from nb_builder.repository import notebook_file
from nb_scorer.common import paths
from nb_scorer.model import compare_answers
from public_notebooks import NOTEBOOKS, Public

BUILD_SECONDS = 900
START_SECONDS = 90
# The rest of a notebook's settings are as they come.
SETTINGS = {"S2I_CELL_TIMEOUT": "300", "S2I_NOTEBOOK_TIMEOUT": "600"}
# Beside the original, so that it finds the files that the original finds.
ADDED = "nb-builder-bench.ipynb"


@dataclass(frozen=True)
class Row:
    """What became of one notebook: in words, whether it was built and right, and the seconds of the build."""

    public: Public
    said: str
    built: bool = False
    right: bool = False
    seconds: float = 0.0
    log: str = field(default="", repr=False)


def report() -> None:
    """Build each notebook in turn, and print a row for it and the table's end."""
    print(f"\nPublic notebooks: {len(NOTEBOOKS)} of {len({each.repository for each in NOTEBOOKS})} repositories")
    rows = []
    for public in NOTEBOOKS:
        rows.append(measure(public, PLACE / "public"))
        print(line(rows[-1]), flush=True)
    print(summary(rows))


def line(row: Row) -> str:
    """Return a row of the table."""
    seconds = f"{row.seconds:7.1f}" if row.seconds else " " * 7
    helped = f" (with {row.public.helped})" if row.public.helped else ""
    return f"  {row.public.repository:42}{Path(row.public.path).name[:44]:46}{seconds}  {row.said}{helped}"


def summary(rows: Sequence[Row]) -> str:
    """Return the end of the table: shares of all notebooks, and the median seconds of those that were built."""
    built = [row for row in rows if row.built]
    right = sum(row.right for row in rows)
    median = f"; median {statistics.median(row.seconds for row in built):.1f} s" if built else ""
    shares = f"built {len(built)} of {len(rows)} ({len(built) / len(rows):.0%})"
    return f"  {shares}, right {right} of {len(rows)} ({right / len(rows):.0%}){median}"


def measure(public: Public, place: Path) -> Row:
    """Fetch a notebook's repository below `place` if it is not there, build it, ask the service, and return its row."""
    clone = place / public.repository.replace("/", "+")
    problem = clones.fetch(public.url, clone)
    if problem:
        return Row(public, f"not fetched: {problem}")
    if not (clone / public.path).is_file():
        return Row(public, "not there: the repository has no such file now")
    added = (clone / public.path).with_name(ADDED)
    own = added.with_name(paths.REQUIREMENTS)
    app_root = place / "app-root"
    shutil.rmtree(app_root, ignore_errors=True)
    app_root.mkdir(parents=True)
    try:
        _with_cells(clone, public, added)
        if public.alone:
            own.write_text("# The notebook says what it needs.\n", encoding="utf-8")
        return _built(public, clone, added.relative_to(clone), app_root)
    finally:
        added.unlink(missing_ok=True)
        if public.alone:
            own.unlink(missing_ok=True)
        shutil.rmtree(app_root, ignore_errors=True)


def _with_cells(clone: Path, public: Public, target: Path) -> None:
    node = notebook_file.read(clone, Path(public.path))
    first, last = map(nbformat.v4.new_code_cell, public.cells)
    for cell in (first, last):
        # Formats before 4.5 have none.
        cell.pop("id")
    node.cells = [first, *node.cells, last]
    node.nbformat_minor = 4
    for cell in node.cells:
        cell.pop("id", None)
    target.write_text(json.dumps(node), encoding="utf-8")


def _built(public: Public, clone: Path, name: Path, app_root: Path) -> Row:
    environ = {
        **COMPILING,
        **SETTINGS,
        **dict(public.settings),
        "NB_BUILDER_HOME": str(HOME),
        "APP_ROOT": str(app_root),
    }
    environ.update(S2I_SRC=str(clone), S2I_SOURCE_NOTEBOOK=str(name))
    started = time.monotonic()
    process = subprocess.Popen(
        [ROOT / "s2i/bin/assemble"],
        env=environ,
        cwd=app_root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        log, _ = process.communicate(timeout=BUILD_SECONDS)
    except subprocess.TimeoutExpired:
        return Row(public, f"not built: no end after {BUILD_SECONDS} seconds", seconds=time.monotonic() - started)
    finally:
        # Where it has no end, and where the bench is interrupted.
        if process.poll() is None:
            process.terminate()
            process.communicate()
    seconds = time.monotonic() - started
    if process.returncode:
        return Row(public, f"not built: {_why(log)}", seconds=seconds, log=log)
    expected, given = _shown(app_root), _served(public, app_root, environ)
    right = (
        expected is not None and given is not None and compare_answers.same(expected, given, compare_answers.TOLERANCE)
    )
    said = "right" if right else f"built, and answers {json.dumps(given)[:60]} instead of {json.dumps(expected)[:60]}"
    return Row(public, said, built=True, right=right, seconds=seconds, log=log)


def _why(log: str) -> str:
    """Return the first line of the problem that a log ends with."""
    errors = [line for line in log.splitlines() if line.startswith("ERROR: ")]
    return errors[-1].removeprefix("ERROR: ")[:160] if errors else (log.strip().splitlines() or ["no words"])[-1][:160]


def _shown(app_root: Path) -> list | None:
    """Return the answers that the last cell of the notebook printed when it was run."""
    cells = json.loads((app_root / "build/executed.ipynb").read_text(encoding="utf-8"))["cells"]
    streams = ["".join(one["text"]) for one in cells[-1].get("outputs", ()) if one.get("name") == "stdout"]
    lines = "".join(streams).strip().splitlines()
    return json.loads(lines[-1]) if lines else None


def _served(public: Public, app_root: Path, environ: dict[str, str]) -> list | None:
    """Start the service and return its answers to the examples; None where it gives none."""
    port = free_port()
    environ = {**environ, "PORT": str(port), "S2I_HOST": "127.0.0.1", "WEB_CONCURRENCY": "1"}
    with (app_root / "service.log").open("wb") as log:
        service = subprocess.Popen([ROOT / "s2i/bin/run"], env=environ, stdout=log, stderr=subprocess.STDOUT)
    try:
        if not _ready(service, port):
            return None
        return [_ask(port, sample) for sample in public.examples]
    except urllib.error.HTTPError as error:
        error.close()
        return None
    except OSError:
        return None
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait()


def _ready(service: subprocess.Popen, port: int) -> bool:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and service.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
        except urllib.error.HTTPError as error:
            error.close()
            time.sleep(0.1)
        except OSError:
            time.sleep(0.1)
        else:
            return True
    return False


def _ask(port: int, sample: object) -> object:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/predict", json.dumps(sample).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)
