"""The samples that are sent to both services: golden rows that both have, or the rows of files."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from nb_scorer.model import compare_answers

from nb_builder.comparison.problems import DiffNoRows
from nb_builder.comparison.services import Candidate

GOLDEN = "golden"


class Row(NamedTuple):
    """One row: its display `name`, and the JSON of its sample, or None if it can't be read, because of `reason`."""

    name: str
    sample: bytes | None
    reason: str = ""


class Samples(NamedTuple):
    """All rows, and the golden samples that only one of the two has."""

    source: str
    rows: list[Row]
    only_old: list[object]
    only_new: list[object]


def read(source: str, options: Sequence[str], old: Candidate, new: Candidate, home: Path) -> Samples:
    """Return the samples that `source` names: `golden`, or files, read with the `options` of `batch`.

    Raises DiffNoRows, or SystemExit with the exit status of `batch`, which reports read errors on stderr.
    """
    if source == GOLDEN:
        return _golden(old, new)
    rows = _of_files(source, options, old, new, home)
    if not rows:
        raise DiffNoRows(reason=f"{source} has no rows")
    if all(row.sample is None for row in rows):
        raise DiffNoRows(reason=f"none of the {len(rows)} rows of {source} can be read ({rows[0].reason})")
    return Samples(source, rows, [], [])


def common(old: Candidate, new: Candidate) -> tuple[list[object], list[object], list[object]]:
    """Return the golden samples that both have, that only OLD has, and that only NEW has."""
    ours, theirs = ([row["sample"] for row in each.model.golden] for each in (old, new))
    both: list[object] = []
    only_old: list[object] = []
    # Compared exactly: to a predictor, 1 and 1.0 are different samples, and so are different orders of keys.
    left = Counter(map(json.dumps, theirs))
    for sample in ours:
        text = json.dumps(sample)
        (both if left[text] else only_old).append(sample)
        left[text] -= bool(left[text])
    return both, only_old, [json.loads(text) for text in left.elements()]


def _golden(old: Candidate, new: Candidate) -> Samples:
    for each in (old, new):
        if not each.model.has_golden:
            raise DiffNoRows(reason=f"{each.label}={each.name} is a native image, which keeps no golden rows")
    both, only_old, only_new = common(old, new)
    if not both:
        counts = f"{len(only_old)} only {old.label} and {len(only_new)} only {new.label}"
        raise DiffNoRows(reason=f"they share no golden row ({counts})")
    rows = [Row(f"golden row {number}", json.dumps(sample).encode()) for number, sample in enumerate(both, 1)]
    return Samples(GOLDEN, rows, only_old, only_new)


def _of_files(source: str, options: Sequence[str], old: Candidate, new: Candidate, home: Path) -> list[Row]:
    # A native image doesn't describe its samples, so the other service's schema is used.
    schema = old.model.sample_schema or new.model.sample_schema
    # The service's environment includes pyarrow if the build requested it.
    command = [str(home / "service" / "bin" / "python"), "-I", "-m", "nb_service.backends.batch", json.dumps(schema)]
    done = subprocess.run([*command, *options, source], capture_output=True)
    if done.returncode:
        print(done.stderr.decode("utf-8", "replace").rstrip(), file=sys.stderr, flush=True)
        sys.exit(done.returncode)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    several = len({line["file"] for line in lines}) > 1
    return [_row(line, several=several) for line in lines]


def _row(line: dict, *, several: bool) -> Row:
    name = f"row {line['row']}" + (f" of {line['file']}" if several else "")
    if "sample" not in line:
        return Row(name, None, line["reason"])
    return Row(name, line["sample"].encode())


def tolerance(old: Candidate, new: Candidate) -> float:
    """Return the relative tolerance for floats: the larger of those that the two were verified with."""
    given = [each.model.manifest.get("tolerance") for each in (old, new)]
    return max([float(each) for each in given if each is not None], default=compare_answers.TOLERANCE)
