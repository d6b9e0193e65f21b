"""Converts a failure of nb-builder's own last cell to the problem that is shown to the user.

The kernel runs another Python: there, nb_scorer.kernel.save_model writes facts, and this module adds the texts.
"""

import ast
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from nb_builder.analysis import notebook_contract, rebinding
from nb_builder.common.cell import Cell
from nb_builder.execute import traceback_parser
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.problems.contract import (
    AnswerChanged,
    AnswerDependsOnType,
    ExampleFails,
    ExamplesArePairs,
    NameUndefined,
    NotCallable,
    OnlyInJupyter,
    PredictorMissing,
    PredictorNeverAnswers,
    PredictorsInvalid,
    ValidatorRefusesAll,
    WrongArguments,
)
from nb_builder.problems.model import BatchDiffers, DiskFull, NotSerializable, SetupFails
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
        PredictorsInvalid,
        ValidatorRefusesAll,
        ExamplesArePairs,
        BatchDiffers,
        SetupFails,
        DiskFull,
    )
}


# Longer statements are not quoted in messages.
MAX_STATEMENT = 100
# The names that nb_scorer.kernel.pickle_diagnosis gives to what a function uses.
_GET_IPYTHON = "the global 'get_ipython'"
# The contract name that a problem is about, unless its facts contain it.
_ABOUT: dict[type[Exception], str] = {
    ExampleFails: "examples",
    ExamplesArePairs: "examples",
    BatchDiffers: "batch_predictor",
    SetupFails: "setup",
    PredictorsInvalid: "predictors",
}


def about(error: Exception) -> str:
    """Return the notebook's name that a problem is about, or ""."""
    facts = getattr(error, "facts", {})
    of_function = "function" if isinstance(error, OnlyInJupyter) else "name"
    return _ABOUT.get(type(error)) or str(facts.get(of_function, ""))


def problem(file: Path, error: dict, *, notebook: str, cells: Sequence[Cell] = ()) -> Exception:
    """Return the problem in `file`; if there is no file, a RuntimeError, because then `error` is a bug in nb-builder.

    `cells` are those that ran.
    """
    if not file.exists():
        # If the disk is full, the file can't be written either, and the error's text is only the code.
        if error["evalue"] == DiskFull.code:
            return DiskFull(folder=file.parent)
        return RuntimeError(
            "nb-builder's own cell failed:\n" + traceback_parser.plain_traceback(error.get("traceback", []))
        )
    complaint = json.loads(file.read_text(encoding="utf-8"))
    code, facts = complaint["code"], complaint["facts"]
    named = facts.pop("predictor", "")
    found = _of_complaint(code, facts, notebook, cells)
    # Its sentences mention predictor, which stands for this function here.
    return found.about(f"predictors[{named!r}]") if named and isinstance(found, BuildProblem) else found


def _of_complaint(code: str, facts: dict, notebook: str, cells: Sequence[Cell]) -> Exception:
    if code == AnswerChanged.code:
        return _answer_changed(facts, notebook, [cell for cell in cells if not cell.ours])
    if code == NotSerializable.code and _GET_IPYTHON in facts["culprit"]:
        return OnlyInJupyter(function=facts["name"], name="get_ipython", instead="", notebook=notebook)
    if code == NotSerializable.code:
        facts["setup"] = _setup_for(facts.pop("of_global", None) or "resource", cells)
    return CLASSES[code](**{**facts, "notebook": notebook})


def _setup_for(name: str, cells: Sequence[Cell]) -> str:
    """Return, on one line, a setup that binds a global as the last cell that binds it does."""
    author_cells = [cell for cell in cells if not cell.ours]
    statements = [binding.statement for binding in notebook_contract.bindings(name, author_cells)]
    created = f"{name} = ..."
    if statements and isinstance(statements[-1], ast.Assign):
        source = ast.unparse(statements[-1])
        created = source if len(source) <= MAX_STATEMENT and "\n" not in source else created
    return f"def setup(): global {name}; {created}"


def _answer_changed(facts: Mapping, notebook: str, cells: Sequence[Cell]) -> BuildProblem:
    """Return the problem of a prediction that differs from a cell's output, with its cause.

    The cause is a later cell that changes what predictor uses, or the type of the sample.
    """
    cell = next(cell for cell in cells if cell.number == facts["cell"])
    # The kernel counts lines from the start of the body that a magic such as %%time runs.
    line = facts["line"] + lines_above_body(cell.statements or ())
    changes = rebinding.of_predictor(cells, facts["cell"], line)
    details = {**facts, "where": cell.where(notebook, line), "notebook": notebook}
    if facts["passed"] and not changes:
        return AnswerDependsOnType(**details).at(notebook, cell, line)
    return AnswerChanged(cause=rebinding.cause(changes, notebook), **details).at(notebook, cell, line)
