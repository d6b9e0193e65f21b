"""The final report: how many rows were read, scored and rejected, so that every row is accounted for."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from nb_scorer.common.problem import Problem


class Report(NamedTuple):
    """The outcome of a job: `exit_status` is the process's, `reasons` are those of the first rejected rows.

    `problem` is the problem that stopped the job early. `drift` are lines on how the rows differ from the model's
    baseline, or None if they were not compared. The defaults describe a job that did not start.
    """

    rows_in: int = 0
    rows_out: int = 0
    outputs: Sequence[str] = ()
    errors: str = ""
    reasons: Sequence[str] = ()
    seconds: float = 0.0
    resumed_at: int = 0
    exit_status: int = 0
    drift: Sequence[str] | None = None
    problem: Problem | None = None

    @property
    def rejected(self) -> int:
        """Return the number of rows without a prediction."""
        return self.rows_in - self.rows_out

    def lines(self) -> list[str]:
        """Return the lines of the log."""
        rate = (self.rows_in - self.resumed_at) / max(self.seconds, 1e-6)
        said = [
            f"{self.rows_in} rows in = {self.rows_out} rows out + {self.rejected} failed, in {self.seconds:.1f} s "
            f"({rate:.0f} rows a second)" + (f", resumed after row {self.resumed_at}" if self.resumed_at else "") + "."
        ]
        if self.rejected and self.errors:
            said.append(f"The failed rows are in {self.errors}.")
        elif self.rejected:
            said += [f"Refused: {reason}" for reason in self.reasons]
            if self.rejected > len(self.reasons):
                said.append(f"And {self.rejected - len(self.reasons)} more; --errors FILE keeps all of them.")
        if self.rejected and not self.rows_out:
            said.append(
                "No row was scored: --show prints the samples of predictor, and --sample COLUMN,… names their columns."
            )
        return [*said, *(f"Drift: {line}." for line in self.drift or ())]

    def as_json(self) -> str:
        """Return the report as one JSON line."""
        return json.dumps(
            {
                "rows_in": self.rows_in,
                "rows_out": self.rows_out,
                "rows_refused": self.rejected,
                "outputs": self.outputs,
                "errors": self.errors or None,
                "reasons": self.reasons,
                "seconds": round(self.seconds, 3),
                "resumed_after_row": self.resumed_at,
                "exit_status": self.exit_status,
                "problem": None if self.problem is None else self.problem.as_json(),
                **({} if self.drift is None else {"drift": self.drift}),
            }
        )
