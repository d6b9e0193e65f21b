"""Counts the combinations that parameter searches try, before any cell runs: such searches train a model many times."""

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from nb_builder.analysis import notebook_contract
from nb_builder.analysis.removed_apis import dotted, imported
from nb_builder.common.cell import Cell

# {full name of a class or function: ((position, keyword) of the argument with the grid or the number of trials, the
# default number of trials)}. A position of None means keyword only.
_GRID = ((1, "param_grid"), None)
_TRIALS = ((2, "n_iter"), 10)
_SEARCHES = {
    "sklearn.model_selection.GridSearchCV": _GRID,
    "sklearn.grid_search.GridSearchCV": _GRID,
    "sklearn.model_selection.HalvingGridSearchCV": _GRID,
    "sklearn.model_selection.RandomizedSearchCV": _TRIALS,
    "sklearn.grid_search.RandomizedSearchCV": _TRIALS,
    "sklearn.model_selection.HalvingRandomSearchCV": ((None, "n_candidates"), None),
    "skopt.BayesSearchCV": ((None, "n_iter"), 50),
    "hyperopt.fmin": ((None, "max_evals"), None),
}
# {function: the position of the argument with the number of values}
_COUNTED = {"numpy.linspace": 2, "numpy.logspace": 2, "numpy.geomspace": 2}
_DEFAULT_COUNT = 50
# Searches that train at least this many models are reported.
MIN_MODELS = 50


@dataclass(frozen=True)
class Search:
    """A parameter search: its name, its cell, and the number of models it trains, None if unknown."""

    function: str
    cell: Cell
    combinations: int | None
    folds: int | None

    def __str__(self) -> str:
        """Return a sentence about the search, without its cell."""
        if self.combinations is None:
            return f"{self.function} searches for parameters"
        folds = f" in {self.folds} folds each" if self.folds else ""
        return f"{self.function} tries {self.combinations} combinations of parameters{folds}"


def find(cells: Sequence[Cell]) -> list[Search]:
    """Return the searches that may take long, in cell order."""
    imports: dict[str, str] = {}
    values: dict[str, ast.expr] = {}
    found: list[Search] = []
    for binding in notebook_contract.unfolded(cells)[0]:
        for node in ast.walk(binding.statement):
            imports.update(imported(node))
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                values[node.targets[0].id] = node.value
            name = dotted(node.func, imports) if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and name in _SEARCHES:
                (position, keyword), default = _SEARCHES[name]
                tried = _argument(node, position, keyword)
                combinations = default if tried is None else _count(tried, values, imports)
                folds = _number(_argument(node, None, "cv"), values)
                found.append(Search(name.rpartition(".")[2], binding.cell, combinations, folds))
    return [each for each in found if each.combinations is None or each.combinations * (each.folds or 5) >= MIN_MODELS]


def _argument(call: ast.Call, position: int | None, keyword: str) -> ast.expr | None:
    named = next((each.value for each in call.keywords if each.arg == keyword), None)
    placed = call.args[position] if position is not None and len(call.args) > position else None
    return named or placed


def _count(tried: ast.expr, values: dict[str, ast.expr], imports: dict[str, str]) -> int | None:
    """Return the number of combinations of a grid, a list of grids or a number; None if only a run can determine it."""
    tried = values.get(tried.id, tried) if isinstance(tried, ast.Name) else tried
    if isinstance(tried, ast.Dict):
        return _together([_length(value, values, imports) for value in tried.values], prod)
    if isinstance(tried, ast.List):
        return _together([_count(grid, values, imports) for grid in tried.elts], sum)
    return _number(tried, values)


def _together(counts: Sequence[int | None], combine: Callable[[list[int]], int]) -> int | None:
    known = [count for count in counts if count is not None]
    return combine(known) if len(known) == len(counts) else None


def _length(value: ast.expr, values: dict[str, ast.expr], imports: dict[str, str]) -> int | None:
    """Return the number of values of an expression."""
    value = values.get(value.id, value) if isinstance(value, ast.Name) else value
    if isinstance(value, (ast.List, ast.Tuple)):
        return None if any(isinstance(each, ast.Starred) for each in value.elts) else len(value.elts)
    if not isinstance(value, ast.Call):
        return None
    name = value.func.id if isinstance(value.func, ast.Name) else dotted(value.func, imports)
    numbers = [_number(argument, values) for argument in value.args]
    if name in ("range", "numpy.arange") and numbers and None not in numbers and not value.keywords:
        try:
            return len(range(*(number for number in numbers if number is not None)))
        except (TypeError, ValueError, OverflowError):
            # The cell will fail with a better message.
            return None
    if name in _COUNTED:
        counted = _argument(value, _COUNTED[name], "num")
        return _DEFAULT_COUNT if counted is None else _number(counted, values)
    return None


def _number(node: ast.expr | None, values: dict[str, ast.expr]) -> int | None:
    """Return an integer literal's value."""
    node = values.get(node.id, node) if isinstance(node, ast.Name) else node
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, int) else None
