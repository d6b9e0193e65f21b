"""Megabytes and starts of images, side by side in one run: nb-builder's alongside the naive one-stage image.

The naive image is what people write by hand: the same Debian, apt's python3-pip, Jupyter, the notebook's
requirements, Flask; one for each notebook. Start: from `docker run` to the first answer of /predict.
"""

import ast
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import notebooks
from environments import pins

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "test"))

import shared  # noqa: E402 - found by the line above

# What the tests' modules call their images begins with the name of a run.
shared.claim()

from engine import bases, daemon, docker, s2i_tool  # noqa: E402
from engine.s2i import S2i, git_repository, must  # noqa: E402
from image import repos  # noqa: E402
from image.conftest import make_builder  # noqa: E402

BUILDER = "nb-builder-candidate"
PREFIX = "nb-bench"
ROUNDS = 3
START_SECONDS = 120
SAMPLES = {"example": [0.2, 0.7], "six": [0.1, 0.2, 0.3], "pure": [3.0, 4.0]}
TITLES = {
    "example": "running example",
    "six": "numpy, scipy, scikit-learn, pandas, matplotlib, lightgbm",
    "pure": "pure Python",
}
# In MB, by notebook and form.
GOALS = {
    ("example", "plain"): 450,
    ("example", "distributions"): 200,
    ("example", "files"): 170,
    ("six", "distributions"): 350,
    ("six", "files"): 230,
    ("pure", "distributions"): 45,
}
BUILDER_GOAL = 230
FORMS = ("naive", "plain", "distributions", "files")


@dataclass
class Row:
    """One image: its size in MB, its compressed size, the seconds of its starts; or why there is none."""

    image: str
    sample: list
    megabytes: float = 0
    compressed: float = 0
    starts: list[float] = field(default_factory=list)
    note: str = ""
    failed: str = ""

    @property
    def start(self) -> float:
        """Return the median of the starts."""
        return statistics.median(self.starts)


def report() -> None:
    """Make every image, measure in turn, print the tables, and remove what was made."""
    with daemon.running() as found, tempfile.TemporaryDirectory() as folder:
        os.environ["DOCKER_HOST"] = found.host
        s2i = S2i(s2i_tool.program(), make_builder(BUILDER, bases.MAIN))
        rows: dict[tuple[str, str], Row] = {}
        try:
            for name in TITLES:
                source = _repository(name, Path(folder))
                rows |= {(name, form): _make(s2i, name, form, source) for form in FORMS}
            _measure([row for row in rows.values() if not row.failed])
            _print(rows)
        finally:
            images = docker.docker("image", "ls", "--format", "{{.Repository}}", f"{PREFIX}-*").stdout.split()
            docker.docker("image", "rm", "--force", *images, ok=False)


def _repository(name: str, folder: Path) -> Path:
    if name != "example":
        return repos.write(folder / name, {"six": notebooks.SIX, "pure": notebooks.PURE}[name])
    git_repository(ROOT / "docs/examples/kmeans", folder / name)
    return folder / name


def _make(s2i: S2i, name: str, form: str, source: Path) -> Row:
    """Make one image; the plain one of a notebook comes before those that are made of it."""
    row = Row(f"{PREFIX}-{name}-{form}", SAMPLES[name])
    print(f"     making {row.image}", flush=True)
    if form == "naive":
        _naive(row.image, source)
    elif form == "plain":
        must(s2i.build(git_repository(source, source), row.image))
    else:
        _runtime(row, f"{PREFIX}-{name}-plain", form)
    return row


def _runtime(row: Row, service: str, level: str) -> None:
    """Make a slim image; note where it is not of that level, or is none."""
    made = _call(["make", "slim", f"SERVICE={service}", f"IMAGE={row.image}"], ROOT, {**os.environ, "S2I_SLIM": level})
    if made.returncode:
        lines = [line for line in made.stdout.splitlines() if line.strip() and not line.startswith("make")]
        row.failed = next((line for line in lines if line.startswith("ERROR")), lines[-1])
        return
    (reached,) = set(re.findall(r"^---> The slim image is .*\(S2I_SLIM=(\w+)\)", made.stdout, re.MULTILINE))
    row.note = "" if reached == level else f"  S2I_SLIM={reached} is what could be proved"


def _naive(image: str, source: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder)
        (context / "model.ipynb").write_bytes((source / "model.ipynb").read_bytes())
        (context / "requirements.txt").write_text(_pins(source / "model.ipynb"))
        (context / "save.py").write_text(notebooks.SAVE)
        (context / "serve.py").write_text(notebooks.SERVE)
        (context / "Dockerfile").write_text(notebooks.NAIVE.format(base=bases.base(bases.MAIN)))
        # Where a proxy inspects TLS, pip needs its authority; so do `make builder` and s2i.
        bundle = os.environ.get("SSL_CERT_FILE")
        (context / "ca.crt").write_bytes(Path(bundle).read_bytes() if bundle else b"")
        words = ["--build-arg", "PIP_CERT=/app/ca.crt"] if bundle else []
        for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST"):
            words += ["--build-arg", name] if name in os.environ else []
        _run(["docker", "build", *words, "--tag", image, "."], context, dict(os.environ))


def _pins(notebook: Path) -> str:
    """Return the notebook's requirements as pip takes them."""
    cells = json.loads(notebook.read_text())["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    (first, *_) = [source for source in sources if source.startswith("requirements = ")]
    return "".join(f"{line}\n" for line in pins(ast.literal_eval(ast.parse(first).body[0].value)))


def _call(command: list[str], folder: Path, environ: dict[str, str]) -> subprocess.CompletedProcess:
    return subprocess.run(command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _run(command: list[str], folder: Path, environ: dict[str, str]) -> None:
    ran = _call(command, folder, environ)
    if ran.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {ran.returncode}:\n{ran.stdout[-5000:]}")


def _measure(rows: list[Row]) -> None:
    for row in rows:
        row.megabytes = int(docker.docker("image", "inspect", "--format", "{{.Size}}", row.image).stdout) / 1e6
        row.compressed = _compressed(row.image) / 1e6
    for number in range(ROUNDS):
        print(f"     starts, round {number + 1} of {ROUNDS}", flush=True)
        for row in rows:
            row.starts.append(_start(row))


def _compressed(image: str) -> int:
    """Return the bytes of `docker save | gzip -1`."""
    saved = subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE)
    with saved, subprocess.Popen(["gzip", "-1"], stdin=saved.stdout, stdout=subprocess.PIPE) as packed:
        return sum(len(piece) for piece in iter(lambda: packed.stdout.read(1 << 20), b""))


def _start(row: Row) -> float:
    """Return the seconds from `docker run` to the first answer of /predict."""
    started = time.monotonic()
    with docker.container(row.image, "--publish", "127.0.0.1::8080") as name:
        address = docker.docker("port", name, "8080/tcp").stdout.split()[0]
        service = docker.Service(name, f"http://{address}")
        while time.monotonic() < started + START_SECONDS:
            try:
                if service.predict(json.dumps(row.sample).encode()).status == 200:
                    return time.monotonic() - started
            except OSError:
                pass  # Nothing listens yet; the engine's own proxy accepts and drops the connection.
            time.sleep(0.01)
        raise SystemExit(f"{row.image} has not answered within {START_SECONDS} s:\n{service.logs()}")


def _print(rows: dict[tuple[str, str], Row]) -> None:
    builder = docker.megabytes(BUILDER)
    print("\nImages: MB as `docker images` counts, in brackets the goal; gzip -1 of `docker save`;")
    print(f"start to first answer, median of {ROUNDS} interleaved rounds; how much smaller than the naive image")
    print(f"  {'builder image':16}{builder:8.0f} (at most {BUILDER_GOAL})")
    for name, title in TITLES.items():
        print(f"\n  {title}")
        for form in FORMS:
            row, naive = rows[name, form], rows[name, "naive"]
            if row.failed:
                print(f"    {form:14}   not made: {row.failed}")
                continue
            goal = f"({GOALS[name, form]})" if (name, form) in GOALS else ""
            ratio = f"{naive.megabytes / row.megabytes:5.1f}x, gzip {naive.compressed / row.compressed:5.1f}x"
            size = f"{row.megabytes:8.1f} {goal:6} gzip {row.compressed:7.1f}"
            print(f"    {form:14}{size}   start {row.start:5.2f} s   {'' if form == 'naive' else ratio}{row.note}")
