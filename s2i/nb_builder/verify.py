"""Has the service's own code load the model and answer the golden rows, and keeps what came of it.

The service's environment does it (`python -m nb_service prove`), because what is proved must be what
will run; here its findings become a problem, or fields of the manifest.
"""

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nb_scorer.common import paths, phrases
from nb_scorer.common.problem import Problem
from nb_scorer.model import golden_rows, manifest

from nb_builder.common import ca_bundle
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings
from nb_builder.execute.cell_errors import shorten
from nb_builder.problems.model import AnswersDiffer, BatchDiffers, ModelDoesNotLoad

SHOWN = 300
# Each row is asked twice of a fresh scorer and three times of two forked ones; loading is timed like a row.
ASKED = 8
# Gets a traceback and a line that says what failed with it; returns the problem behind it, None where it knows none.
Explain = Callable[[str, str], Exception | None]
# As Problem.__str__ writes it.
_PROBLEM = re.compile(
    r"^ERROR: (?P<what>.*)\n  Why: (?P<why>.*)\n  Fix: (?P<fix>.*)\n  \(problem (?P<code>[\w-]+)\)\s*\Z", re.MULTILINE
)
KEPT = ("deterministic", "scorer_start", "scorer_threads", "scorer_start_reason")


def run(app_root: Path, *, home: Path, settings: Settings, log: Log, explain: Explain = lambda *_: None) -> None:
    """Prove the model under `app_root` and write into its manifest how to serve it.

    Raises what `explain` makes of a traceback, or ModelDoesNotLoad, AnswersDiffer or BatchDiffers.
    """
    model = app_root / paths.MODEL
    rows = golden_rows.read(model)
    found = ask(app_root, home=home, settings=settings, patience=settings.verify_timeout * (4 + ASKED * len(rows)))
    state = manifest.read(model).get("process_state") or {}
    explained = explain(*failed(found))
    if explained:
        raise explained
    judge(found, rows, log, seeds=state.get("seeds", False))
    # Of what will serve, and not of the kernel: floats may differ in their last bits.
    golden_rows.keep(model, found["answers"])
    manifest.update(model, **{name: found[name] for name in KEPT})
    log.line("     " + summary(found, len(rows)))


def summary(found: Mapping, rows: int) -> str:
    """Return the line for a model that was proved, as far as it could be."""
    alike = "" if found["deterministic"] is False else " as in the notebook"
    answered = f"{golden_rows.counted(rows)} answered{alike}" if rows else "The model loads"
    starts = {"fork": "scorers are forked", "spawn": "each scorer loads the model itself"}
    start = starts.get(found["scorer_start"], "how scorers start is decided at run")
    return f"{answered}; {start} ({found['scorer_start_reason']})"


def ask(app_root: Path, *, home: Path, settings: Settings, patience: float) -> dict:
    """Return what `prove` found.

    Raises ModelDoesNotLoad where it says nothing for `patience` seconds, and a problem that it tells itself.
    """
    command: list[str | Path] = [home / "service" / "bin" / "python", "-I", "-m", "nb_service", "prove"]
    environ = {
        **ca_bundle.trusting(settings.ca_bundle, os.environ),
        "APP_ROOT": str(app_root.absolute()),
        "S2I_TOLERANCE": repr(settings.tolerance),
        "S2I_VERIFY_TIMEOUT": repr(settings.verify_timeout),
    }
    # It starts the model Python, which would then compile every module at each start of the service.
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        ran = subprocess.run(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=patience,
        )
    except subprocess.TimeoutExpired:
        raise ModelDoesNotLoad(error=f"verification took longer than {patience:g} seconds") from None
    # The notebook's functions may print, before it.
    last = (ran.stdout.strip().splitlines() or [""])[-1]
    if not last.startswith("{"):
        if told := _PROBLEM.search(ran.stdout):
            raise _problem(**told.groupdict())
        raise RuntimeError(f"nb_service prove ended with {ran.returncode} and said nothing:\n{ran.stdout}{ran.stderr}")
    return {**json.loads(last), "said": ran.stderr}


def failed(found: Mapping) -> tuple[str, str]:
    """Return the traceback of what failed first in a fresh process, and a line for that; "" twice for nothing."""
    if not found["loaded"]:
        return (found["load_error"] or {}).get("traceback") or "", "In a fresh process the model can't be loaded:"
    row = next((row for row in found["rows"] if row["error"]), None)
    if row is None:
        return "", ""
    return row["error"].get(
        "traceback"
    ) or "", f"In a fresh process predictor({brief(json.dumps(row['sample']))}) fails:"


def _problem(code: str, **words: str) -> Problem:
    """Return a problem of the service's, such as one of its settings, as it was told there."""
    problem = Problem(**words)
    problem.code = code
    return problem


def judge(found: Mapping, rows: Sequence[Mapping], log: Log, *, seeds: bool = False) -> None:
    """Raise the problem that `found` tells of; a model that is not deterministic gets a note.

    `seeds` tells that the notebook seeds random numbers.
    """
    if not found["loaded"]:
        error = found["load_error"] or {}
        raise ModelDoesNotLoad(error=last_words(error) or "it ended while loading", **detail(error, found["said"]))
    row = next((row for row in found["rows"] if row["error"]), None)
    if row:
        raise ModelDoesNotLoad(error=failure(row), **detail(row["error"]))
    if found["deterministic"] is False:
        log.note("predictor answers the same sample differently each time; its golden rows prove little.")
        if seeds:
            log.note(
                "a seed that the notebook sets is not kept, on purpose: scorers that start from the same one would all "
                "draw the same numbers. To have one sample always get one answer, set the seed inside predictor."
            )
    elif found["rows"]:
        row = found["rows"][0]
        raise AnswersDiffer(**{name: brief(json.dumps(row[name])) for name in ("sample", "expected", "got")})
    elif found["batch"]:
        raise batch_differs(found["batch"], rows, found["said"])


def batch_differs(found: Mapping, rows: Sequence[Mapping], said: str) -> BatchDiffers:
    """Return the problem of a batch_predictor that does in a fresh process what it did not do in the notebook."""
    row = rows[found["row"]]
    expected, got = (brief(json.dumps(answer)) for answer in (row["answer"], found["got"]))
    reason = "it fails" if found["failed"] else f"it answers {got}, and predictor {expected}"
    sample = brief(json.dumps(row["sample"]))
    words = shorten(said.strip()) if found["failed"] else ""
    return BatchDiffers(number=found["row"] + 1, sample=sample, reason=f"in a fresh process {reason}", detail=words)


def failure(row: Mapping) -> str:
    """Return the words for a golden row that got no answer at all."""
    return f"predictor({brief(json.dumps(row['sample']))}) fails there: {last_words(row['error'])}"


def last_words(error: Mapping) -> str:
    """Return what Python said last, or without a traceback what the service says."""
    lines = (error.get("traceback") or "").strip().splitlines()
    return brief(lines[-1] if lines else error.get("what") or "")


def detail(error: Mapping, said: str = "") -> dict[str, str]:
    """Return the traceback in `error` as a problem takes it, without one what the process itself said."""
    text = error.get("traceback") or ""
    return {"detail": shorten(text if "Traceback" in text else said + text)}


def brief(text: str) -> str:
    """Return `text` short enough for a sentence."""
    return phrases.cut(text, SHOWN)
