"""The words of every problem fit its facts."""

import string
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from nb_builder import problems
from nb_builder.common.cell import Cell
from nb_builder.problems.build_problem import BuildProblem, CellProblem
from nb_builder.problems.cells import CellFailed
from nb_builder.problems.notebooks import SourceMissing

MODULES = [import_module(f"{problems.__name__}.{module.name}") for module in iter_modules(problems.__path__)]
CLASSES = [
    kind
    for module in MODULES
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, BuildProblem) and kind.what_text
]
CELL_FACTS = {"where", "notebook"}


def fields(kind):
    text = kind.what_text + kind.why_text + kind.fix_text
    return {name for _, name, _, _ in string.Formatter().parse(text) if name} - {"nb_builder"}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.code)
def test_a_problem_says_what_why_and_fix_in_sentences(kind):
    facts = dict.fromkeys(fields(kind), 7)
    if issubclass(kind, CellProblem):
        facts = dict.fromkeys(fields(kind) - CELL_FACTS, 7)
        facts |= {"cell": Cell("x", 3, 5), "notebook": "model.ipynb", "line": 2, "traceback": "tb"}
    problem = kind(**facts)
    *_, more, code = str(problem).splitlines()
    assert code == f"  (problem {kind.code})"
    assert more.startswith("  More: ") and more.endswith(f"nb-builder explain {kind.code}")
    for sentence in (problem.why, problem.fix):
        # Where a fact is the whole sentence, its full stop comes with it.
        assert sentence == "7" or sentence.rstrip("7").endswith((".", " = "))


def test_codes_are_unique():
    codes = [kind.code for kind in CLASSES]
    assert len(codes) == len(set(codes))


def test_a_cell_is_named_as_jupyter_shows_it_and_by_its_place():
    problem = CellFailed(
        cell=Cell("x", 3, 5), notebook="model.ipynb", line=2, error="ValueError: {x}", traceback="tb", again=""
    )
    assert problem.what == "Cell [3] of model.ipynb (cell 5 of the file), line 2 failed: ValueError: {x}"
    assert problem.detail == "tb"


def test_no_fact_begins_a_line_of_its_own():
    failed = CellFailed(cell=Cell("x", 3, 5), notebook="model.ipynb", error="E: a\n---> Fine", again="")
    assert "\n---> Fine" not in str(failed)
    assert SourceMissing(folder=Path("a\nb"), state="x").what.startswith(r"There is no repository in a\nb: ")
