"""What our own last cell could not do, as it wrote it down, and the problem that this is for the user.

The two sides are different Pythons: the kernel's writes facts (nb_scorer.model), ours has the words.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from nb_builder import blame, problems, rebinding
from nb_builder.cells import Cell

CLASSES = {
    kind.code: kind
    for kind in (
        problems.PredictorMissing,
        problems.NotCallable,
        problems.WrongArguments,
        problems.NotSerializable,
        problems.ExampleFails,
        problems.NameUndefined,
        problems.PredictorNeverAnswers,
        problems.ValidatorRefusesAll,
        problems.BatchDiffers,
        problems.DiskFull,
    )
}


def problem(file: Path, error: dict, *, notebook: str, cells: Sequence[Cell] = ()) -> Exception:
    """Return the problem that `file` holds; without one, `error` of the kernel as the fault of ours that it is.

    `cells` are those that were run.
    """
    if not file.exists():
        # A full disk takes the complaint, too: then its code is all that the error says.
        if error["evalue"] == problems.DiskFull.code:
            return problems.DiskFull(folder=file.parent)
        return RuntimeError("nb-builder's own cell failed:\n" + blame.plain_traceback(error.get("traceback", [])))
    told = json.loads(file.read_text(encoding="utf-8"))
    if told["code"] == problems.AnswerChanged.code:
        return _answer_changed(told["facts"], notebook, [cell for cell in cells if not cell.ours])
    return CLASSES[told["code"]](**{**told["facts"], "notebook": notebook})


def _answer_changed(facts: Mapping, notebook: str, cells: Sequence[Cell]) -> problems.BuildProblem:
    """Return the problem of an answer that a cell showed: the later cell that is to blame, or the sample's type."""
    cell = next(cell for cell in cells if cell.number == facts["cell"])
    changes = rebinding.of_predictor(cells, facts["cell"], facts["line"])
    where = cell.where(notebook, facts["line"])
    if facts["passed"] and not changes:
        return problems.AnswerDependsOnType(where=where, **facts, notebook=notebook).at(notebook, cell, facts["line"])
    cause = rebinding.cause(changes, notebook)
    return problems.AnswerChanged(where=where, cause=cause, **facts, notebook=notebook).at(
        notebook, cell, facts["line"]
    )
