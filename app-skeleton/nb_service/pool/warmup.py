"""The golden rows, asked of one scorer: they warm it up, prove it right, and tell fork from spawn."""

import json
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from nb_scorer.model import compare_answers

from nb_service.pool.answer import OK, Answer, Job
from nb_service.pool.plan import Plan

if TYPE_CHECKING:
    from nb_service.pool.link import Link


class RowResult(NamedTuple):
    """What one scorer made of one golden row, the `turn`-th time."""

    row: int
    turn: int
    answer: Answer
    got: object
    same: bool


class Warmup:
    """Asks `rows` of `link` as often as `plan` says, then calls done(link, results)."""

    def __init__(self, link: "Link", rows: Sequence[dict], plan: Plan, done: Callable) -> None:
        self._link = link
        self._todo = [(row, turn) for turn in range(plan.repeats) for row in range(len(rows))]
        self._rows = rows
        self._plan = plan
        self._began = time.monotonic()
        self._done = done
        self._results: list[RowResult] = []

    def next(self) -> None:
        """Ask the next row, or tell that all are answered."""
        if not self._todo or (self._results and self._out_of_patience()):
            self._done(self._link, self._results)
            return
        row, turn = self._todo.pop(0)
        body = json.dumps(self._rows[row]["sample"]).encode("ascii")
        self._link.give(Job(body, lambda answer: self._answered(row, turn, answer)))
        self._link.flush()

    def _out_of_patience(self) -> bool:
        patience = self._plan.patience
        return patience is not None and time.monotonic() - self._began > patience

    def _answered(self, row: int, turn: int, answer: Answer) -> None:
        got = json.loads(answer.payload) if answer.outcome == OK else None
        right = answer.outcome == OK and compare_answers.same(self._rows[row]["answer"], got, self._plan.tolerance)
        self._results.append(RowResult(row, turn, answer, got, right))
        if self._link.alive:
            self.next()
        else:
            self._done(self._link, self._results)
