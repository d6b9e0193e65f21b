"""Proposes one of a notebook's functions as predictor if the notebook calls it with a single sample."""

import ast
import re
from collections.abc import Collection, Sequence
from contextlib import suppress

from nb_builder.common.cell import Cell
from nb_builder.rewrite.names import bound, needed

_NAMES = re.compile(
    r"predict(?:_\w+)?|(?:\w+_)?predict(?:ion)?|infer(?:ence)?|classify(?:_\w+)?|forecast|recommend(?:_\w+)?"
)
_MAX_EXAMPLES = 3


def propose(cells: Sequence[Cell], mark: str, models: Collection[str] = ()) -> str | None:
    """Return the source of a cell that makes a function predictor; None if no call of one shows its samples.

    If there are `models`, the names of fitted ones, the function must use one of them and return a value.

    The sample of a function with several arguments is an object with their names, unless the notebook calls it with a
    sample and its own names, such as those of its model and vectorizer.
    """
    statements = [statement for cell in cells for statement in cell.statements or ()]
    functions = [
        each
        for each in statements
        if isinstance(each, ast.FunctionDef) and _NAMES.fullmatch(each.name) and (not models or _wraps(each, models))
    ]
    for function in reversed(functions):
        predictor, examples = f"predictor = {function.name}", _examples(function, statements)
        if not examples:
            predictor, examples = _with_own_names(function.name, statements)
        if examples:
            listed = ",\n".join(f"    {example!r}" for example in examples[:_MAX_EXAMPLES])
            return f"{mark}\n{predictor}\n\nexamples = [\n{listed},\n]"
    return None


def _wraps(function: ast.FunctionDef, models: Collection[str]) -> bool:
    """Return whether a function reads the name of a model and returns a value."""
    returns = any(isinstance(node, ast.Return) and node.value is not None for node in ast.walk(function))
    return returns and bool(needed(function) & set(models))


def _with_own_names(function: str, statements: Sequence[ast.stmt]) -> tuple[str, list[object]]:
    """Return a predictor for the last call such as `predict(sample, model)`, and a list with its sample, if any.

    The sample is the name of a literal.
    """
    literals: dict[str, object] = {}
    found: tuple[str, list[object]] = "", []
    for statement in statements:
        for name in bound([statement]):
            literals.pop(name, None)
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            with suppress(ValueError):
                literals[statement.targets[0].id] = ast.literal_eval(statement.value)
        call = statement.value if isinstance(statement, (ast.Assign, ast.Expr)) else None
        if not isinstance(call, ast.Call) or ast.unparse(call.func) != function or len(call.args) < 2 or call.keywords:
            continue
        others = [argument.id for argument in call.args[1:] if isinstance(argument, ast.Name)]
        sample = literals.get(call.args[0].id) if isinstance(call.args[0], ast.Name) else None
        if isinstance(sample, (dict, list, str)) and len(others) == len(call.args) - 1 and not literals.keys() & others:
            found = f"def predictor(x):\n    return {function}({', '.join(['x', *others])})\n", [sample]
    return found


def _examples(function: ast.FunctionDef, statements: Sequence[ast.stmt]) -> list[object]:
    """Return the samples with which the notebook calls a function, if they are literals."""
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
            # The sample is computed, so its value is only known after a run.
            continue
        if len(parameters) == 1 and len(values) == 1:
            found.append(values[0])
        elif len(parameters) > 1 and values + list(named):
            found.append({**dict(zip(parameters, values, strict=False)), **named})
    return [sample for number, sample in enumerate(found) if sample not in found[:number]]
