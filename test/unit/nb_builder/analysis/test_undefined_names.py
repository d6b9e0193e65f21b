"""Which names are known to be defined by nothing, and which are left alone."""

import sys
from pathlib import Path

import pytest
from nb_builder.analysis import undefined_names
from nb_builder.rewrite import scripts
from nbformat.v4 import new_code_cell, new_notebook

PREDICTOR = "def predictor(x):\n    return missing + x"


def findings(*sources):
    cells = scripts.author_cells(new_notebook(cells=[new_code_cell(source) for source in sources]))
    return undefined_names.findings(cells, Path("model.ipynb"), Path(sys.executable))


@pytest.mark.parametrize(
    "source",
    [
        PREDICTOR,
        "predictor = lambda x: missing + x",
        "async def predictor(x):\n    return await missing(x)",
        "def predictor(x):\n    for y in missing: pass\n    return x",
        "def predictor(x):\n    if missing: return 1\n    return 2",
        "def predictor(x):\n    return [y for y in missing]",
        "def predictor(x):\n    with missing as y: return y",
        "def predictor(x):\n    return 0 < missing < x",
        "def helper(x):\n    return missing\ndef predictor(x):\n    y = helper(x)\n    return y",
        "def predictor(x):\n    def inner(): return 1\n    return inner() + missing",
        "def predictor(x: float) -> float:\n    return missing + x",
        "def predictor(x, key=lambda value: 0):\n    return missing + x",
        "def predictor(x):\n    missing.append(x)\n    return x",
        "def f():\n    missing = 3\n" + PREDICTOR,
        "[missing for missing in range(3)]\n" + PREDICTOR,
        "%matplotlib inline\n!ls\n" + PREDICTOR,
        "%%time\nother = 1",
    ],
)
def test_a_name_that_each_call_comes_to_is_a_problem(source):
    sources = [source] if "missing" in source else [source, PREDICTOR]
    problems, notes = findings(*sources)
    assert [problem.what.partition(",")[0] for problem in problems] == ["'predictor' uses 'missing'"]
    assert notes == []


@pytest.mark.parametrize(
    "source",
    [
        "def predictor(x):\n    if x: return 1\n    return missing",
        "def predictor(x):\n    return x and missing",
        "def predictor(x):\n    return 1 if x else missing",
        "def predictor(x):\n    return [missing for y in x]",
        "def predictor(x):\n    while x:\n        missing\n    return x",
        "def predictor(x):\n    return map(lambda y: missing, x)",
        "def helper(x):\n    return missing\ndef predictor(x):\n    return helper(x) if x else 0",
        "def helper(x):\n    return missing\ndef predictor(x):\n    return map(helper, x)",
    ],
)
def test_a_name_that_a_call_may_come_to_is_a_note(source):
    problems, notes = findings(source)
    assert problems == []
    assert len(notes) == 1 and notes[0].startswith("predictor uses 'missing' (Cell [1] of model.ipynb")


@pytest.mark.parametrize(
    "sources",
    [
        ("missing = 1", PREDICTOR),
        (PREDICTOR, "missing = 1"),
        ("import missing.deep", PREDICTOR),
        ("if False:\n    missing = 1", PREDICTOR),
        ("try:\n    import missing\nexcept ImportError:\n    pass", PREDICTOR),
        ("for a, (b, *missing) in []: pass", PREDICTOR),
        ("with open('f') as missing: pass", PREDICTOR),
        ("print([missing := 1 for _ in range(2)])", PREDICTOR),
        ("match 1:\n    case {'a': 1, **missing}: pass", PREDICTOR),
        ("match 1:\n    case [*missing] | missing: pass", PREDICTOR),
        ("def f():\n    global missing\n    missing = 1", PREDICTOR),
        ("missing: int = 3\ndel missing", PREDICTOR),
        ("%%time\nmissing = 1", PREDICTOR),
        ("%time missing = 1", PREDICTOR),
        ("%%capture missing\nprint(1)", PREDICTOR),
        ("%%bash --out missing\nls", PREDICTOR),
        ("missing = !ls", PREDICTOR),
        ("from math import *", PREDICTOR),
        ("exec('missing = 1')", PREDICTOR),
        ("globals()['missing'] = 1", PREDICTOR),
        ("%run other.py", PREDICTOR),
        ("%load other.py", PREDICTOR),
        ("%pylab", PREDICTOR),
        ("%load_ext my_own", PREDICTOR),
        ("%%cython\nmissing = 1", PREDICTOR),
        ("get_ipython().push({'missing': 1})", PREDICTOR),
        ("import sys\nsetattr(sys.modules['__main__'], 'missing', 1)", PREDICTOR),
        ("import builtins\nbuiltins.missing = 1", PREDICTOR),
        ("not python at all", PREDICTOR),
        ("def predictor(x):\n    try:\n        return missing\n    except NameError:\n        return x",),
        ("def predictor(x):\n    global missing\n    missing = 1\n    return missing",),
        ("def predictor(missing):\n    return missing",),
        ("def predictor(x, *missing, **others):\n    return missing, others",),
        ("def predictor(x):\n    class Local:\n        missing = 1\n        other = missing\n    return Local",),
        ("def predictor(x):\n    import os.path as missing\n    return missing",),
        ("def predictor(x):\n    missing: undefined = 1\n    return missing",),
        ("def predictor(x):\n    return (missing := x) + missing",),
        ("def predictor(x):\n    return display(len(x)), In, Out, _, __name__, get_ipython",),
        ("def predictor(x):\n    return predictor(x - 1) if x else 0",),
        ("@decorated\n" + PREDICTOR,),
        ("predictor = make(missing)",),
        ("def predictor(x):\n    yield missing",),
    ],
)
def test_what_defines_a_name_or_may_define_it_is_respected(sources):
    assert findings(*sources) == ([], [])


def test_a_name_that_is_much_like_another_is_named():
    problems, _ = findings("weights = [1]", "def predictor(x):\n    return weight * x")
    assert problems[0].fix.endswith(" Is it 'weights'?")
    assert (problems[0].cell.number, problems[0].line) == (2, 2)


def test_each_function_has_a_problem_of_its_own():
    problems, _ = findings("def validator(x):\n    return allowed\n" + PREDICTOR)
    assert [problem.facts["function"] for problem in problems] == ["predictor", "validator"]


def test_the_names_that_each_call_needs_are_known_with_their_place():
    cells = scripts.author_cells(new_notebook(cells=[new_code_cell("weight = 1\n" + PREDICTOR)]))
    place = "Cell [1] of model.ipynb (cell 1 of the file), line 3"
    assert undefined_names.needs(cells, Path("model.ipynb")) == [("predictor", "missing", place)]
