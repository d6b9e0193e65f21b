"""Sends the golden rows to a scorer, to warm it up and to verify its predictions."""

import json
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from nb_scorer.model import compare_answers, golden_rows

from nb_service.pool.answer import OK, Answer, Job
from nb_service.pool.plan import Plan

if TYPE_CHECKING:
    from nb_service.pool.link import Link


class RowResult(NamedTuple):
    """A scorer's answer to a golden row in repetition `turn`; `value` is the decoded prediction, None without one."""

    row: int
    turn: int
    answer: Answer
    value: object
    same: bool


class Warmup:
    """Sends `rows` to `link` as often as `plan` requires, then calls done(link, results)."""

    def __init__(self, link: "Link", rows: Sequence[dict], plan: Plan, done: Callable) -> None:
        self._link = link
        self._todo = [(row, turn) for turn in range(plan.repeats) for row in range(len(rows))]
        self._rows = rows
        self._plan = plan
        self._began = time.monotonic()
        self._done = done
        self._results: list[RowResult] = []

    def next(self) -> None:
        """Send the next row. After the last row, or once the plan's time is over, report the results."""
        if not self._todo or (self._results and self._out_of_patience()):
            self._done(self._link, self._results)
            return
        row, turn = self._todo.pop(0)
        body = json.dumps(self._rows[row]["sample"]).encode("ascii")
        call = golden_rows.call_of(self._rows[row])
        self._link.give(Job(body, lambda answer: self._answered(row, turn, answer), call=call))
        self._link.flush()

    def _out_of_patience(self) -> bool:
        patience = self._plan.patience
        return patience is not None and time.monotonic() - self._began > patience

    def _answered(self, row: int, turn: int, answer: Answer) -> None:
        value = json.loads(answer.payload) if answer.outcome == OK else None
        same = answer.outcome == OK and compare_answers.same(self._rows[row]["answer"], value, self._plan.tolerance)
        self._results.append(RowResult(row, turn, answer, value, same))
        if self._link.alive:
            self.next()
        else:
            self._done(self._link, self._results)
