"""Proposes a notebook's own function as predictor, where that takes one sample and the notebook calls it with one."""

import ast
import re
from collections.abc import Sequence

from nb_builder.common.cell import Cell

_NAMES = re.compile(
    r"predict(?:_\w+)?|(?:\w+_)?predict(?:ion)?|infer(?:ence)?|classify(?:_\w+)?|forecast|recommend(?:_\w+)?"
)
_MAX_EXAMPLES = 3


def propose(cells: Sequence[Cell], mark: str) -> str | None:
    """Return the source of a cell that makes a function predictor; None where no call of one shows its samples.

    A sample of a function with several arguments is an object with their names.
    """
    statements = [statement for cell in cells for statement in cell.statements or ()]
    functions = [each for each in statements if isinstance(each, ast.FunctionDef) and _NAMES.fullmatch(each.name)]
    for function in reversed(functions):
        examples = _examples(function, statements)
        if examples:
            listed = ",\n".join(f"    {example!r}" for example in examples[:_MAX_EXAMPLES])
            return f"{mark}\npredictor = {function.name}\n\nexamples = [\n{listed},\n]"
    return None


def _examples(function: ast.FunctionDef, statements: Sequence[ast.stmt]) -> list[object]:
    """Return the samples with which the notebook calls a function, as far as they are literals."""
    parameters = [argument.arg for argument in function.args.args]
    found: list[object] = []
    calls = [
        node
        for statement in statements
        for node in ast.walk(statement)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function.name
    ]
    for call in calls:
        try:
            values = [ast.literal_eval(argument) for argument in call.args]
            named = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg}
        except ValueError:
            # The sample is computed: its value is not known before a run.
            continue
        if len(parameters) == 1 and len(values) == 1:
            found.append(values[0])
        elif len(parameters) > 1 and values + list(named):
            found.append({**dict(zip(parameters, values, strict=False)), **named})
    return [sample for number, sample in enumerate(found) if sample not in found[:number]]
