"""Strangers' training notebooks: how many `nb-builder run --yes` serves with right predictions, without and with edits.

They have no predictor, and most of them name no packages. A prediction is right if the proposed predictor gives that of
the notebook's own model.

- `STRANGERS` takes the notebooks whose repository and path contain its value; `STRANGERS_APART=1` takes the second
  corpus instead, which is kept apart.
- Every notebook runs without an edit first. Those that fail and have an edit in `strangers_edits` then run with it.
- `STRANGERS_FROM` is where repositories are cloned from: an address or a folder, also of bare repositories, with
  {owner} and {name}.
- A run is stopped after `CPU_SECONDS` of CPU time, so that other work on the machine changes no outcome, or after
  `RUN_SECONDS`.
- `STRANGERS_ROWS` is a file that keeps a row for each notebook: a second run goes on where the first one stopped, and
  the shares are those of all its rows. Without it, all rows are of one run.
"""

import json
import os
import re
import select
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import clones
from environments import COMPILING, HOME, PLACE
from running import cpu_seconds, tree
from strangers_edits import EDITS, MAX_LINES, Edit
from strangers_notebooks import KEPT_APART, STRANGERS, Stranger

CPU_SECONDS = 360
RUN_SECONDS = 1080
FROM = os.environ.get("STRANGERS_FROM", "https://github.com/{owner}/{name}")
COMPARED = "own model give the same predictions"


@dataclass(frozen=True)
class Row:
    """The result for a notebook: whether it was served, whether its predictions were compared, and a sentence."""

    repository: str
    path: str
    said: str
    served: bool = False
    right: bool = False
    by_rule: bool = False
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    edited: bool = False

    @property
    def notebook(self) -> tuple[str, str]:
        """Return the repository and the path."""
        return self.repository, self.path


def report() -> None:
    """Run each notebook in turn, then those that fail with their edit; print a row for each run, and the shares."""
    corpus = KEPT_APART if os.environ.get("STRANGERS_APART") else STRANGERS
    wanted = os.environ.get("STRANGERS", "")
    chosen = [each for each in corpus if wanted in f"{each.repository}/{each.path}"]
    kept = Path(os.environ.get("STRANGERS_ROWS") or os.devnull)
    rows = [Row(**json.loads(text)) for text in kept.read_text("utf-8").splitlines()] if kept.is_file() else []
    print(f"\nStrangers' notebooks: {len(chosen)} of {len({each.repository for each in chosen})} repositories")
    for edited in (False, True):
        known = {row.notebook for row in rows if row.edited == edited or row.right}
        for stranger in chosen:
            edit = EDITS.get((stranger.repository, stranger.path)) if edited else None
            if (stranger.repository, stranger.path) in known or (edited and edit is None):
                continue
            rows.append(replace(measure(stranger, PLACE / "strangers", edit), edited=edited))
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(rows[-1])) + "\n")
            print(line(rows[-1]), flush=True)
    print(summary(rows))


def line(row: Row) -> str:
    """Return a row of the table."""
    said = f"edited: {row.said}" if row.edited else row.said
    return f"  {row.repository:44}{Path(row.path).name[:40]:42}{row.seconds:7.1f} {row.cpu_seconds:7.1f}  {said}"


def summary(rows: Sequence[Row]) -> str:
    """Return the shares, by how notebooks were chosen, and the median seconds of those served without edits."""
    plain = [row for row in rows if not row.edited]
    edited = {row.notebook for row in rows if row.edited and row.right}
    lines = []
    for title, part in (("all", plain), ("chosen by a rule", [row for row in plain if row.by_rule])):
        if part:
            right = sum(row.right for row in part)
            either = sum(row.right or row.notebook in edited for row in part)
            counts = {
                "served": sum(row.served for row in part),
                "right": right,
                f"right with at most {MAX_LINES} lines of edits": either,
            }
            shares = [f"{name} {count} ({count / len(part):.0%})" for name, count in counts.items()]
            lines.append(f"  {title}: {len(part)}, {', '.join(shares)}")
    times = [(row.seconds, row.cpu_seconds) for row in plain if row.served]
    if times:
        seconds, cpu = (statistics.median(column) for column in zip(*times, strict=True))
        lines.append(f"  median of those served: {seconds:.0f} s, {cpu:.0f} s of CPU time")
    return "\n".join(lines)


def measure(stranger: Stranger, place: Path, edit: Edit | None = None) -> Row:
    """Clone a notebook's repository below `place`, run it with --yes, end the service, and return the row.

    With an edit, the clone's notebook contains it during the run. The run's output is kept in the folder `logs`.
    """
    clone = place / stranger.repository.replace("/", "+")
    owner, name = stranger.repository.split("/")
    problem = clones.fetch(FROM.format(owner=owner, name=name), clone, stranger.commit, Path(stranger.path).parent)
    if (clone / ".git").exists():
        # Plans read the repository's own URLs from its files, and know the repository by its address.
        address = f"https://github.com/{stranger.repository}"
        subprocess.run(["git", "-C", clone, "remote", "set-url", "origin", address], check=True)
    notebook = clone / stranger.path
    if not notebook.is_file():
        return _row(stranger, f"not fetched: {problem or 'the repository has no such file at that commit'}")
    original = notebook.read_bytes()
    start = time.monotonic()
    try:
        if edit is not None:
            notebook.write_text(_edited(original, edit))
        outcome, log, cpu = _run(notebook, place)
    finally:
        notebook.write_bytes(original)
    seconds = time.monotonic() - start
    name = re.sub(r"\W+", "-", f"{stranger.repository}-{notebook.stem}")
    kept = place / "logs" / f"{name}{'' if edit is None else '-edited'}.txt"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(f"{log}\n{json.dumps(outcome)}\n", "utf-8")
    row = _judged(stranger, outcome, log, edited=edit is not None)
    return replace(row, seconds=round(seconds, 1), cpu_seconds=round(cpu, 1))


def _run(notebook: Path, place: Path) -> tuple[dict | None, str, float]:
    """Return the command's JSON (None if it takes too long), its log and CPU seconds; end the service."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log, tempfile.TemporaryDirectory(dir=place) as folder:
        # What `nb-builder run` calls, in a place of its own: several can run at once.
        command = [HOME / "build/bin/python", "-I", "-m", "nb_builder", "local", "--json", "--yes"]
        environ = {**COMPILING, "NB_BUILDER_HOME": str(HOME), "PORT": "0"}
        process = subprocess.Popen(
            [*command, "--app-root", f"{folder}/app", notebook],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        outcome, cpu = _first_line(process)
        log.seek(0)
        return outcome, log.read(), cpu


def _first_line(process: subprocess.Popen) -> tuple[dict | None, float]:
    """Return the command's outcome, None if it takes too long, and the CPU seconds until then; end the service."""
    start, cpu = time.monotonic(), 0.0
    try:
        has_outcome = False
        while not has_outcome and cpu < CPU_SECONDS and time.monotonic() - start < RUN_SECONDS:
            has_outcome = bool(select.select([process.stdout], [], [], 1.0)[0])
            # A process that ends without its parent's notice takes its time out of the sum.
            cpu = max(cpu, sum(map(cpu_seconds, tree(process.pid))))
        text = process.stdout.readline() if has_outcome else ""
        return (json.loads(text) if text.strip() else None), cpu
    finally:
        process.terminate()
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()


def _edited(notebook: bytes, edit: Edit) -> str:
    """Return a notebook with lines replaced and a cell added at its end."""
    document = json.loads(notebook)
    codes = [cell for cell in document["cells"] if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
    for (number, line), text in edit.replaced.items():
        lines = "".join(codes[number - 1]["source"]).splitlines()
        lines[line - 1] = text
        codes[number - 1]["source"] = "\n".join(lines)
    if edit.added:
        cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": edit.added}
        has_ids = (document["nbformat"], document["nbformat_minor"]) >= (4, 5)
        document["cells"].append({**cell, "id": "edit"} if has_ids else cell)
    return json.dumps(document)


def _judged(stranger: Stranger, outcome: dict | None, log: str, edited: bool) -> Row:
    if outcome is None:
        return _row(stranger, f"no service within {CPU_SECONDS} s of CPU time; the last line: {_last_line(log)}")
    if "url" in outcome:
        # An edit's predictor is the user's own: there is nothing to compare it with but the notebook, as a build does.
        right = (edited or COMPARED in log) and "answer" in outcome
        return _row(stranger, f"served{', right' if right else ', not compared'}", True, right)
    problem = outcome.get("problem") or {"code": "none", "what": log.strip().splitlines()[-1:]}
    return _row(stranger, f"{problem['code']}: {str(problem['what'])[:200]}")


def _last_line(log: str) -> str:
    """Return the last line of a log that shows a step or a cell."""
    lines = re.findall(r"^(?:---> .*|     \[\d+\] .*)$", log, re.MULTILINE)
    return lines[-1].strip()[:80] if lines else "none"


def _row(stranger: Stranger, said: str, served: bool = False, right: bool = False) -> Row:
    return Row(stranger.repository, stranger.path, said, served, right, stranger.by_rule)
