"""A cell that compares a proposed predictor with the notebook's own model, and fails if their predictions differ.

It searches for samples whose input after the proposal's steps equals input that the notebook passed to its model. If a
step is missing or was refitted, no sample matches. For matching samples, the predictions must be the same.
"""

from pathlib import Path

from nb_builder.analysis.fitted_models import FittedModel
from nb_builder.analysis.needed_cells import CHECK

# Not imported, because it needs numpy, which only the notebook's environment has.
_PROGRAM = Path(__file__).with_name("proposal_check_program.py")


def cell(model: FittedModel, columns: str, decoded: str) -> str | None:
    """Return the source of the cell, or None if the notebook has nothing left to compare with.

    `columns` is the name of the list of a table's columns, "" for other data. `decoded` is an expression with {} for
    the model's prediction.
    """
    if not model.own:
        return None
    program = _PROGRAM.read_text("utf-8")
    steps = f"rows[{columns}]" if columns else "rows"
    for step in model.steps:
        steps = step.replace("{}", steps, 1)
    calls = "".join(f"        (lambda: {own.given}, lambda: {own.answered}),\n" for own in model.own)
    return (
        f"{program.partition('# The cell begins here.')[2].strip()}\n\n\n"
        f"{CHECK} = compare_with_own_model(\n"
        f"    predictor,\n    {model.samples},\n    {model.kind!r},\n    lambda rows: {steps},\n    [\n{calls}    ],\n"
        f"    lambda answer: {decoded.replace('{}', 'answer', 1)},\n)"
    )
