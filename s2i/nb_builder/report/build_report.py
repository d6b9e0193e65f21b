"""Writes the build report as JSON, and the executed notebook."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from nb_scorer.common import paths
from nb_scorer.common.problem import Problem

from nb_builder.common.build_facts import Fact, as_report
from nb_builder.common.log import Log
from nb_builder.execute.runner import CellResult
from nb_builder.rewrite.number_cells import positions


class Report:
    """Collects facts and the seconds of each step; `kept_in` writes them to build/report.json."""

    def __init__(self, log: Log, *, repeatable: bool = False) -> None:
        """Start an empty report; a repeatable one omits durations, which differ in every build."""
        self.log = log
        self.repeatable = repeatable
        self.facts: dict[str, Any] = {}
        self.seconds: dict[str, float] = {}

    def add(self, fact: Fact) -> None:
        """Write a step's facts to the report."""
        self.facts.update(as_report(fact))

    @contextmanager
    def step(self, name: str, title: str) -> Iterator[None]:
        """Log a step and record how long it took, even if it fails."""
        self.log.step(title)
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - started, 3)

    @contextmanager
    def kept_in(self, build: Path) -> Iterator[None]:
        """Write the report to the folder `build` at the end, with the problem if there is one."""
        try:
            yield
        except Problem as problem:
            self.facts["problem"] = {"code": problem.code, "what": problem.what}
            raise
        finally:
            self._write(build)

    def _write(self, build: Path) -> None:
        facts = self.facts if self.repeatable else {**self.facts, "seconds": self.seconds}
        text = json.dumps(facts, indent=2, default=str)
        (build / paths.REPORT).write_text(text + "\n", encoding="utf-8")


def write_executed(node: nbformat.NotebookNode, results: Sequence[CellResult], target: Path) -> None:
    """Write the notebook with the outputs and execution counts of this run; cells that did not run have none."""
    by_position = {result.cell.position: result for result in results if not result.cell.ours}
    for position, cell in positions(node):
        if cell.cell_type == "code":
            result = by_position.get(position)
            cell.outputs = [nbformat.from_dict(output) for output in result.outputs] if result else []
            cell.execution_count = result.execution_count if result else None
    nbformat.write(node, target)
