"""Verifies the model: the service's own code loads it and predicts the golden rows.

Verification runs in the service's environment (`python -m nb_service prove`), which also serves the model. This module
converts its report to a problem, or to fields of the manifest.
"""

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nb_scorer.batching import proof
from nb_scorer.common import paths, phrases
from nb_scorer.common.problem import Problem
from nb_scorer.model import golden_rows, manifest
from nb_scorer.model.problems import SetupFailed
from nb_scorer.protocol import answer_words

from nb_builder.common import ca_bundle, programs
from nb_builder.common.cell import Cell
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings
from nb_builder.execute.cell_errors import shorten
from nb_builder.execute.traceback_parser import LABEL_NUMBER
from nb_builder.problems.model import AnswersDiffer, BatchDiffers, ModelDoesNotLoad, SetupFails

MAX_LENGTH = 300
THIS_ERROR = "this error"
# A fresh scorer predicts each row twice, and two forked ones three times each; loading may take as long as one call.
CALLS_PER_ROW = 8
# Takes a traceback and a line that describes the failure; returns the problem behind it, or None if unknown.
Explain = Callable[[str, str], Exception | None]
MANIFEST_FIELDS = ("batching", "concurrency", "deterministic", "scorer_start", "scorer_threads", "scorer_start_reason")


def run(
    app_root: Path,
    *,
    home: Path,
    settings: Settings,
    log: Log,
    explain: Explain = lambda *_: None,
    cells: Sequence[Cell] = (),
) -> Mapping[str, Any]:
    """Verify the model under `app_root` and write to its manifest how to serve it; `cells` are its notebook's.

    Returns the manifest. Raises the problem that `explain` returns, or ModelDoesNotLoad, SetupFails, AnswersDiffer or
    BatchDiffers.
    """
    model = app_root / paths.MODEL
    rows = golden_rows.read(model)
    # Setup runs in a fresh scorer, then in forked ones at the same time.
    patience = settings.verify_timeout * (4 + CALLS_PER_ROW * len(rows)) + 2 * settings.setup_timeout
    report = prove(app_root, home=home, settings=settings, patience=patience)
    state = manifest.read(model).get("process_state") or {}
    explained_problem = explain(*first_failure(report))
    if explained_problem:
        raise explained_problem
    judge(report, rows, log, seeds=state.get("seeds", False))
    # Store the predictions of the process that serves rather than the kernel's: floats may differ in their last bits.
    golden_rows.keep(model, report["answers"])
    named = {f"predictors[{name!r}]": facts for name, facts in report.get("predictors", {}).items()}
    batched = [(name, each) for name, each in (("predictor", report), *named.items()) if each["batching"]]
    summaries = []
    for name, each in batched:
        each["batching"] = placed(each["batching"], cells, app_root / paths.SRC)
        summaries.append(batching_summary(each["batching"], name))
        if settings.source_date_epoch is not None:
            each["batching"] = repeatable(each["batching"])
    facts = {name: report[name] for name in MANIFEST_FIELDS}
    if named:
        known = manifest.read(model)["predictors"]
        facts["predictors"] = {name: {**known[name], **each} for name, each in report["predictors"].items()}
    verified: Mapping[str, Any] = manifest.update(model, **facts)
    log.detail(summary(report, len(rows)))
    for line in summaries:
        log.detail(line)
    if report["concurrency"] is not None:
        log.detail(concurrency_summary(report["concurrency"]["reason"]))
    return verified


def summary(report: Mapping, rows: int) -> str:
    """Return the log line for a verified model: golden rows predicted, and how scorers start."""
    same_answers = "" if report["deterministic"] is False else " as in the notebook"
    answered = f"{golden_rows.counted(rows)} answered{same_answers}" if rows else "The model loads"
    start_descriptions = {"fork": "scorers are forked", "spawn": "each scorer loads the model itself"}
    start_description = start_descriptions.get(report["scorer_start"], "how scorers start is decided at run")
    return f"{answered}; {start_description} ({report['scorer_start_reason']})"


def repeatable(batching: Mapping) -> dict:
    """Return `batching` without measurements: batches are used only from a size where they certainly pay."""
    facts = {name: value for name, value in batching.items() if name != "gain"}
    return {**facts, "pays_from": proof.GATE_SAMPLES} if "pays_from" in facts else facts


def batching_summary(batching: Mapping, name: str = "predictor") -> str:
    """Return the line that reports whether the predictor `name` runs in batches, and why not."""
    if "pays_from" not in batching:
        return f"{name} is scored one by one: {batching['reason']}{place_of(batching)}"
    calls = batching["calls"]
    shared = ", ".join(f"{call} ({phrases.counted(calls.count(call), 'call')})" for call in dict.fromkeys(calls))
    rows = f"{batching['golden']} golden row{'s' * (batching['golden'] != 1)}"
    if batching.get("made"):
        rows = f"{batching['made']} samples generated from its type hints"
    variations = phrases.counted(batching["variations"], "variation")
    return (
        f"{name} can be scored in batches: {shared} on up to {batching['most']} samples; {rows} and {variations} "
        f"with the same predictions, {batching.get('gain_at', 8)} of them {batching['gain']:g} times as fast"
    )


def concurrency_summary(reason: str | None) -> str:
    """Return the line that reports whether a scorer may serve several requests at a time, and why not."""
    if reason is not None:
        return f"S2I_CONCURRENCY can't be used: {reason}"
    return "S2I_CONCURRENCY can be used: golden rows that are predicted at the same time get the same predictions"


def placed(batching: Mapping, cells: Sequence[Cell], src: Path) -> dict:
    """Return `batching` with its reason's position as authors count: "cell" and "line", or "file" and "line"."""
    facts = dict(batching)
    file, line = facts.pop("file", None), facts.pop("line", None)
    if not line or not (file or "cell" in facts):
        return facts
    match = LABEL_NUMBER.search(file or "")
    if file and "/ipykernel_" in file:
        # A cell to which IPython gives no number.
        return facts
    if not match:
        # Also for a reused model, whose position is already known.
        known = {"file": os.path.relpath(file, src) if os.path.isabs(file) else file} if file else {}
        return {**facts, **known, "line": line}
    number = int(match[1] or match[2])
    cell = next((cell for cell in cells if cell.number == number), None)
    if cell is None:
        return {**facts, "cell": number, "line": line}
    # IPython strips empty lines at the top before it counts.
    line += cell.source[: len(cell.source) - len(cell.source.lstrip())].count("\n")
    of_file = {"file_line": cell.first_line + line - 1} if cell.first_line else {}
    return {**facts, "cell": number, "line": line, **of_file}


def place_of(batching: Mapping) -> str:
    """Return the position of a reason, such as " (cell 7, line 3)", or "" if no line is responsible."""
    if "line" not in batching:
        return ""
    place = f"cell {batching['cell']}" if "cell" in batching else batching["file"]
    # For scripts, editors show the file's lines and no cell numbers.
    of_file = f"; line {batching['file_line']} of the file" if "file_line" in batching else ""
    return f" ({place}, line {batching['line']}{of_file})"


def prove(app_root: Path, *, home: Path, settings: Settings, patience: float) -> dict:
    """Return the report of `prove`, with its stderr output under "stderr".

    Raises ModelDoesNotLoad if it hasn't finished after `patience` seconds, and the problem that it prints itself.
    """
    command: list[str | Path] = [home / "service" / "bin" / "python", "-I", "-m", "nb_service", "prove"]
    environ = {
        **ca_bundle.trusting(settings.ca_bundle, os.environ),
        "APP_ROOT": str(app_root.absolute()),
        "S2I_TOLERANCE": repr(settings.tolerance),
        "S2I_VERIFY_TIMEOUT": repr(settings.verify_timeout),
        "S2I_SETUP_TIMEOUT": repr(settings.setup_timeout),
    }
    # The model Python inherits this. Without bytecode, every start of the service would compile each module again.
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        completed = programs.run(command, env=environ, timeout=patience)
    except subprocess.TimeoutExpired:
        raise ModelDoesNotLoad(error=f"verification took longer than {patience:g} seconds", shown=THIS_ERROR) from None
    # The report is the last line; the notebook's functions may print before it.
    last_line = phrases.last_line(completed.stdout)
    if not last_line.startswith("{"):
        raise RuntimeError(
            f"nb_service prove exited with {completed.returncode} and printed nothing:\n"
            f"{completed.stdout}{completed.stderr}"
        )
    report = json.loads(last_line)
    if "problem" in report:
        raise Problem.from_json(report["problem"])
    return {**report, "stderr": completed.stderr}


def first_failure(report: Mapping) -> tuple[str, str]:
    """Return the traceback of the first failure and a line that describes it; ("", "") if nothing failed."""
    if not report["loaded"]:
        error = report["load_error"] or {}
        of_setup = error.get("code") == SetupFailed.code
        failed = "the notebook's setup fails:" if of_setup else "the model can't be loaded:"
        return error.get("traceback") or "", f"In a fresh process {failed}"
    row = next((row for row in report["rows"] if row["error"]), None)
    if row is None:
        return "", ""
    traceback = row["error"].get("traceback") or ""
    return traceback, f"In a fresh process {called(row)} fails:"


def judge(report: Mapping, rows: Sequence[Mapping], log: Log, *, seeds: bool = False) -> None:
    """Raise the problem in `report`, if there is one; note a model that is not deterministic.

    `seeds` is whether the notebook seeds random numbers.
    """
    if not report["loaded"]:
        error = report["load_error"] or {}
        if error.get("code") == SetupFailed.code:
            raise SetupFails(error=error_line(error), detail=detail(error, report["stderr"])["detail"])
        raise ModelDoesNotLoad(error=error_line(error) or "it exited while loading", **detail(error, report["stderr"]))
    row = next((row for row in report["rows"] if row["error"]), None)
    if row:
        raise ModelDoesNotLoad(error=failure(row), **detail(row["error"]))
    if report["deterministic"] is False:
        log.note("predictor gives different predictions for the same sample, so its golden rows can't verify much.")
        if seeds:
            log.note(
                "seeds that the notebook sets are not saved, because scorers with the same seed would all "
                "draw the same numbers. To get the same prediction for the same sample, set the seed inside predictor."
            )
    elif report["rows"]:
        row = report["rows"][0]
        raise AnswersDiffer(**{name: brief(json.dumps(row[name])) for name in ("sample", "expected", "got")})
    elif report["batch"]:
        of_predictor = golden_rows.plain(rows, report["batch"].get("predictor", ""))
        raise batch_differs(report["batch"], of_predictor, report["stderr"])


def batch_differs(batch: Mapping, rows: Sequence[Mapping], stderr: str) -> BatchDiffers:
    """Return the problem of a batch_predictor that disagrees with predictor, or fails, only in a fresh process."""
    row = rows[batch["row"]]
    expected, got = (brief(json.dumps(answer)) for answer in (row["answer"], batch["got"]))
    reason = "it fails" if batch["failed"] else f"it returns {got}, and predictor {expected}"
    sample = brief(json.dumps(row["sample"]))
    detail_text = shorten(stderr.strip()) if batch["failed"] else ""
    return BatchDiffers(
        number=batch["row"] + 1, sample=sample, reason=f"in a fresh process {reason}", detail=detail_text
    )


def failure(row: Mapping) -> str:
    """Return the sentence for a golden row without a prediction."""
    return f"{called(row)} fails there: {error_line(row['error'])}"


def called(row: Mapping) -> str:
    """Return the call of a golden row's predictor."""
    function = f"predictors[{row['predictor']!r}]" if row.get("predictor") else "predictor"
    return f"{function}({brief(json.dumps(row['sample']))})"


def error_line(error: Mapping) -> str:
    """Return the error that the traceback ends with or, without one, the service's own message."""
    return brief(answer_words.error_of(error.get("traceback") or "") or error.get("what") or "")


def detail(error: Mapping, stderr: str = "") -> dict[str, str]:
    """Return, for a ModelDoesNotLoad, its `shown` detail, and that as its `detail`: the traceback in `error`.

    If the traceback isn't Python's, `stderr` precedes it.
    """
    text = error.get("traceback") or ""
    is_traceback = "Traceback" in text
    shown = "the error at the end of the traceback above" if is_traceback else THIS_ERROR
    return {"detail": shorten(text if is_traceback else stderr + text), "shown": shown}


def brief(text: str) -> str:
    """Return `text` short enough for a sentence."""
    return phrases.cut(text, MAX_LENGTH)
