"""Compares golden rows: which predictions changed between the previous model and the new one, as a small table."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nb_scorer.common import paths, phrases
from nb_scorer.model import compare_answers, golden_rows, manifest

SHOWN_ROWS = 10
SAMPLE_WIDTH = 40
ANSWER_WIDTH = 30
HEADS = ("sample", "before", "after")


@dataclass(frozen=True)
class Changes:
    """The rows whose predictions changed, as (sample, before, after), and the number of rows compared."""

    rows: Sequence[tuple[Any, Any, Any]]
    compared: int
    new: int
    gone: int
    steady: bool = True

    def __str__(self) -> str:
        """Return a summary clause."""
        if not self.steady:
            return "predictor returns different predictions for the same sample, so its golden rows are not compared"
        if not self.compared:
            return "no golden rows to compare" if not self.new else f"{golden_rows.counted(self.new)}, all new"
        unmatched = [f"{count} {kind}" for count, kind in ((self.new, "new"), (self.gone, "gone")) if count]
        unmatched_text = f" ({', '.join(unmatched)})" if unmatched else ""
        if not self.rows:
            answers = "answers" if self.compared == 1 else "answer"
            return f"{golden_rows.counted(self.compared)} {answers} as before{unmatched_text}"
        answers = "answers" if len(self.rows) == 1 else "answer"
        return f"{len(self.rows)} of {golden_rows.counted(self.compared)} {answers} differently{unmatched_text}"

    def table(self) -> list[str]:
        """Return the lines of the table, or none if nothing changed."""
        if not self.rows:
            return []
        widths = (SAMPLE_WIDTH, ANSWER_WIDTH, ANSWER_WIDTH)
        shown = [
            tuple(
                phrases.cut(json.dumps(value, ensure_ascii=False), width)
                for value, width in zip(row, widths, strict=True)
            )
            for row in self.rows[:SHOWN_ROWS]
        ]
        lines = _aligned([HEADS, *shown])
        left = len(self.rows) - len(shown)
        return [*lines, f"and {left} more"] if left else lines


def between(before: Path, after: Path, tolerance: float) -> Changes:
    """Return the changes between the golden rows of two model folders.

    Rows are matched by sample; only samples in both models are compared.
    """
    old, new = _answers(before), _answers(after)
    steady = all(manifest.read(folder).get("deterministic") is not False for folder in (before, after))
    both = [key for key in new if key in old]
    rows = [
        (json.loads(key), old[key], new[key])
        for key in both
        if steady and not compare_answers.same(old[key], new[key], tolerance)
    ]
    return Changes(rows, len(both), len(new) - len(both), len(old) - len(both), steady)


def _answers(model: Path) -> dict[str, Any]:
    """Return {sample as JSON: prediction} of a model's golden rows without parameters."""
    rows = golden_rows.plain(golden_rows.read(model))
    return {json.dumps(row["sample"], sort_keys=True): row["answer"] for row in rows}


def _aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    cells = list(rows)
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def path(app_root: Path) -> Path:
    """Return the model folder of an APP_ROOT."""
    return app_root / paths.MODEL
