"""CPU and wall seconds of each test, child processes included: written by a run, printed by `make test-times`.

python test/times.py [FILE] [--tests N]
"""

import argparse
import json
import os
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE = Path(os.environ.get("NB_BUILDER_HOME") or Path(__file__).parents[1] / ".nb-builder") / "test-times.json"
# A file of a process of the run; the first process merges them.
PART = "times-{}.jsonl"
# CPU seconds of processes other than children of this one, added by the code that has them work.
elsewhere = 0.0


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of the children that it has waited for."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return elsewhere + sum(usage.ru_utime + usage.ru_stime for usage in usages)


@contextmanager
def measured(folder: Path, name: str) -> Iterator[None]:
    """Append what the block costs to this process's part in `folder`: a test with the fixtures that it sets up."""
    cpu, wall = cpu_seconds(), time.monotonic()
    yield
    row = {"test": name, "cpu": cpu_seconds() - cpu, "wall": time.monotonic() - wall}
    with open(folder / PART.format(os.getpid()), "a", encoding="utf-8") as part:
        part.write(json.dumps(row) + "\n")


def merge(folder: Path, file: Path = FILE) -> None:
    """Add the parts in `folder` to `file`; a test that ran before gets its new figures."""
    rows = {row["test"]: row for row in read(file)} if file.exists() else {}
    for part in folder.glob(PART.format("*")):
        rows.update((row["test"], row) for row in map(json.loads, part.read_text(encoding="utf-8").splitlines()))
    if rows and file.parent.is_dir():
        file.write_text(json.dumps(list(rows.values())), encoding="utf-8")


def read(file: Path) -> list[dict]:
    """Return the rows of `file`: `test`, `cpu` and `wall` seconds."""
    return json.loads(file.read_text(encoding="utf-8"))


def table(rows: list[dict], tests: int) -> Iterator[str]:
    """Yield the lines of the report: totals by file, most expensive first, then the most expensive tests."""
    files: dict[str, list[dict]] = defaultdict(list)
    for row in rows:
        files[row["test"].partition("::")[0]].append(row)
    yield f"{'CPU s':>8} {'wall s':>8} {'tests':>6}"
    yield _line(rows, "all")
    for name, group in sorted(files.items(), key=lambda item: -_sum(item[1], "cpu")):
        yield _line(group, name)
    yield ""
    for row in sorted(rows, key=lambda row: -row["cpu"])[:tests]:
        yield f"{row['cpu']:8.1f} {row['wall']:8.1f}  {row['test']}"


def _line(rows: list[dict], name: str) -> str:
    return f"{_sum(rows, 'cpu'):8.1f} {_sum(rows, 'wall'):8.1f} {len(rows):6}  {name}"


def _sum(rows: list[dict], key: str) -> float:
    return sum(row[key] for row in rows)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=FILE)
    parser.add_argument("--tests", type=int, default=40, help="number of single tests to list")
    options = parser.parse_args()
    if not options.file.exists():
        sys.exit(f"ERROR: {options.file} does not exist.\n  Why: A run of the tests writes it.\n  Fix: Run make test.")
    print("\n".join(table(read(options.file), options.tests)))


if __name__ == "__main__":
    main()
