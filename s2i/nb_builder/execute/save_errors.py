"""What our own last cell could not do, as it wrote it down, and the problem that this is for the user.

The two sides are different Pythons: the kernel's writes facts (nb_scorer.kernel.save_model), ours has the words.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from nb_builder.analysis import contract, rebinding
from nb_builder.common.cell import Cell
from nb_builder.execute import traceback_parser
from nb_builder.problems.base import BuildProblem
from nb_builder.problems.contract import (
    AnswerChanged,
    AnswerDependsOnType,
    ExampleFails,
    ExamplesArePairs,
    NameUndefined,
    NotCallable,
    PredictorMissing,
    PredictorNeverAnswers,
    ValidatorRefusesAll,
    WrongArguments,
)
from nb_builder.problems.model import BatchDiffers, DiskFull, NotSerializable
from nb_builder.rewrite.unfold import lines_above_body

CLASSES = {
    kind.code: kind
    for kind in (
        PredictorMissing,
        NotCallable,
        WrongArguments,
        NotSerializable,
        ExampleFails,
        NameUndefined,
        PredictorNeverAnswers,
        ValidatorRefusesAll,
        ExamplesArePairs,
        BatchDiffers,
        DiskFull,
    )
}


# Which name of the contract each is about, where its facts do not say it.
_ABOUT: dict[type[Exception], str] = {
    ExampleFails: "examples",
    ExamplesArePairs: "examples",
    BatchDiffers: "batch_predictor",
}


def about(wrong: Exception) -> str:
    """Return the name that a problem is about, be it "" for none."""
    return _ABOUT.get(type(wrong)) or str(getattr(wrong, "facts", {}).get("name", ""))


def problem(file: Path, error: dict, *, notebook: str, cells: Sequence[Cell] = ()) -> Exception:
    """Return the problem that `file` holds; without one, `error` of the kernel as the fault of ours that it is.

    `cells` are those that were run.
    """
    if not file.exists():
        # A full disk takes the complaint, too: then its code is all that the error says.
        if error["evalue"] == DiskFull.code:
            return DiskFull(folder=file.parent)
        return RuntimeError(
            "nb-builder's own cell failed:\n" + traceback_parser.plain_traceback(error.get("traceback", []))
        )
    written = json.loads(file.read_text(encoding="utf-8"))
    code, facts = written["code"], written["facts"]
    if code == AnswerChanged.code:
        return _answer_changed(facts, notebook, [cell for cell in cells if not cell.ours])
    return CLASSES[code](**{**facts, "notebook": notebook})


def _answer_changed(facts: Mapping, notebook: str, cells: Sequence[Cell]) -> BuildProblem:
    """Return the problem of an answer that a cell showed: the later cell that is to blame, or the sample's type."""
    cell = next(cell for cell in cells if cell.number == facts["cell"])
    # The kernel counts from the first line that %%time or the like hands on.
    line = facts["line"] + lines_above_body(contract.parse(cell) or ())
    changes = rebinding.of_predictor(cells, facts["cell"], line)
    where = {**facts, "where": cell.where(notebook, line), "notebook": notebook}
    if facts["passed"] and not changes:
        return AnswerDependsOnType(**where).at(notebook, cell, line)
    return AnswerChanged(cause=rebinding.cause(changes, notebook), **where).at(notebook, cell, line)
