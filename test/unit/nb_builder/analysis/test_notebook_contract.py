"""What can be refused without running a cell."""

import sys
from pathlib import Path

import pytest
from nb_builder.analysis import notebook_contract
from nb_builder.common.cell import Cell
from nb_builder.problems.cells import CellSyntax
from nb_builder.problems.contract import NotCallable, PredictorMissing, ValidatorReturnsNothing
from nb_builder.problems.notebooks import Python2Code

NAME = Path("model.ipynb")
GOOD = "def predictor(x):\n    return x"


def check(*sources, tags=()):
    cells = [Cell(source, number, number + 1, tags) for number, source in enumerate(sources, start=1)]
    for problem in notebook_contract.findings(cells, NAME, Path(sys.executable)):
        raise problem


def findings(*sources, defines=True):
    cells = [Cell(source, number, number + 1) for number, source in enumerate(sources, start=1)]
    return list(notebook_contract.findings(cells, NAME, Path(sys.executable), defines=defines))


@pytest.mark.parametrize(
    "source",
    [
        GOOD,
        "async def predictor(x):\n    return x",
        "predictor = lambda x: x",
        "class predictor: pass",
        "from helper import predictor",
        "from helper import score as predictor",
        "try:\n    from fast import predictor\nexcept ImportError:\n    def predictor(x): return x",
        "if True:\n    predictor = len",
        "for predictor in [len]: pass",
        "a, predictor = 1, len",
    ],
)
def test_every_way_to_bind_predictor_counts(source):
    check(source)


@pytest.mark.parametrize(
    "source", ["# def predictor(x)", "'predictor'", "def f():\n    predictor = 1", "print(predictor)"]
)
def test_a_name_that_is_only_mentioned_is_no_definition(source):
    with pytest.raises(PredictorMissing, match="model.ipynb does not define a function called 'predictor'"):
        check(source)


def test_a_function_that_answers_samples_under_another_name_is_named():
    with pytest.raises(PredictorMissing) as rejected:
        check("def predict_one(x, scale=1):\n    return x", "y = 1\ndef predict(x): return x", "def f(x): return x")
    other = ", or rename 'predict' to that (Cell [2] of model.ipynb (cell 3 of the file), line 2)"
    assert rejected.value.fix == f"Add 'def predictor(x): ...' to any cell{other}, then build again."
    for source in ("def predict(x, y): return x", "def predict(): return 1", "def plot(x): return x"):
        with pytest.raises(PredictorMissing) as rejected:
            check(source)
        assert rejected.value.fix == "Add 'def predictor(x): ...' to any cell, then build again."


@pytest.mark.parametrize(
    "source", ["from helper import *", "get_ipython().run_line_magic('run', 'x.py')", "exec(code)"]
)
def test_what_the_syntax_tree_can_not_show_is_left_to_the_run(source):
    check(source)


@pytest.mark.parametrize(
    "source",
    [
        "get_ipython().run_line_magic('matplotlib', 'inline')",
        "get_ipython().system('wget -q https://example.org/data.csv')",
        "get_ipython().run_cell_magic('time', '', 'model = 1\\n')",
        "from sklearn.linear_model import *",
        "from pylab import *",
        "from math import *",
    ],
)
def test_what_binds_no_predictor_does_not_hide_that_it_is_missing(source):
    with pytest.raises(PredictorMissing):
        check(source, "x = 1")


def test_a_predictor_inside_a_cell_magic_is_left_to_the_run():
    check("get_ipython().run_cell_magic('time', '', 'def predictor(x): return x\\n')")


def test_the_last_binding_decides_whether_predictor_can_be_called():
    check("predictor = None", GOOD)
    with pytest.raises(NotCallable, match="'predictor' is a list, which can't be called"):
        check(GOOD, "predictor = [1, 2]")


@pytest.mark.parametrize("arguments", ["", "x, y, /", "x, /, y", "x, y, /, z=1", "**keys"])
def test_a_function_that_one_argument_does_not_fit_is_rejected(arguments):
    (problem,) = findings(f"x = 1\ndef predictor({arguments}): pass")
    assert (problem.code, problem.line) == ("wrong-arguments", 2)
    assert f"'predictor' can't be called with one argument: predictor({arguments})." in str(problem)


@pytest.mark.parametrize(
    "source",
    [
        "def predictor(x, y=1, *, z=2): pass",
        "def predictor(*xs): pass",
        "@wraps\ndef predictor(x, y): pass",
        "def predictor(x, y): pass\npredictor = partial(predictor, 1)",
        "if later:\n    def predictor(x, y): pass",
        "def predictor(x, y): pass",
        "def predictor(x, *, y): pass",
        "def predictor(*, x): pass",
        "def predictor(x, y, z=1, **more): pass",
        "def predictor(x=1, /, *, y): pass",
    ],
)
def test_what_may_be_called_with_one_argument_or_by_names_is_left_to_the_run(source):
    assert findings(source) == []


def test_a_batch_predictor_gets_its_samples_as_one_argument():
    (problem,) = findings(GOOD, "def batch_predictor(x, y): pass")
    assert problem.code == "wrong-arguments"


def test_a_validator_that_is_none_is_no_validator():
    check(GOOD, "validator = None")
    with pytest.raises(NotCallable, match="'validator' is a constant"):
        check(GOOD, "validator = True")


def test_a_syntax_error_is_named_with_cell_and_line():
    with pytest.raises(
        CellSyntax, match=r"Cell \[2\] of model.ipynb \(cell 3 of the file\), line 2 has a syntax error"
    ):
        check(GOOD, "a = 1\nb = = 2")


@pytest.mark.parametrize(
    "source",
    [
        "print 'hello'",
        pytest.param(
            "try:\n    x\nexcept Error, e:\n    pass",
            marks=pytest.mark.skipif(sys.version_info >= (3, 14), reason="valid since Python 3.14 (PEP 758)"),
        ),
        "raise ValueError, 'no'",
        "a <> b",
        "x = `1`",
        "exec 'x = 1'",
    ],
)
def test_python_2_is_recognised(source):
    with pytest.raises(Python2Code, match=r"Cell \[1\] .* is Python 2 code: "):
        check(source + "\n\n", GOOD)


def test_a_cell_that_may_raise_may_have_a_syntax_error():
    check("b = = 2", GOOD, tags=("raises-exception",))


def test_a_lone_line_without_a_percent_sign_is_left_to_ipython():
    check("pip install numpy", "ls -l", GOOD)


def test_top_level_await_is_no_error():
    check("import asyncio\nawait asyncio.sleep(0)", GOOD)


def test_a_future_import_may_stand_behind_others_as_ipython_takes_it():
    check("import math\nfrom __future__ import division", GOOD)
    with pytest.raises(CellSyntax, match=r"line 3 has a syntax error"):
        check("import math\nfrom __future__ import division\nb = = 2", GOOD)
    with pytest.raises(CellSyntax, match="__future__"):
        check("def f():\n    from __future__ import division", GOOD)


def test_a_null_byte_is_an_error_and_no_crash():
    with pytest.raises(CellSyntax, match="null"):
        check("a = '\0'\n\n", GOOD)


def test_every_finding_is_reported_with_its_cell_and_line():
    problems = findings("b = = 2", "x = 1\nprint 'old'", "y = 1\nvalidator = 3", "batch_predictor = []")
    places = [(problem.code, problem.cell and problem.cell.number, problem.line) for problem in problems]
    assert places == [
        ("cell-syntax", 1, 1),
        ("python2-code", 2, 2),
        ("predictor-missing", None, None),
        ("not-callable", 4, 1),
        ("not-callable", 3, 2),
    ]


def test_a_cell_that_can_not_be_read_may_define_predictor():
    assert [problem.code for problem in findings("def predictor(x):\n    return = x")] == ["cell-syntax"]


def test_a_notebook_that_another_one_follows_needs_no_predictor():
    assert findings("x = 1", defines=False) == []
    assert [problem.code for problem in findings("x = = 1", defines=False)] == ["cell-syntax"]


@pytest.mark.parametrize(
    ("source", "known"),
    [
        ("from pydantic import BaseModel, validator", True),
        ("import checks as validator", True),
        ("def validator(x): return True", False),
        ("from checks import validator\nvalidator = validator", False),
        ("def validator(x): return True\nfrom checks import validator", True),
        ("try:\n    from checks import validator\nexcept ImportError:\n    validator = None", None),
        ("from checks import *", None),
        ("exec(code)", None),
    ],
)
def test_the_last_binding_says_whether_a_name_is_imported(source, known):
    assert notebook_contract.imported("validator", [Cell(source, 1, 1)]) is known


@pytest.mark.parametrize(
    "body",
    [
        "if x < 0:\n        raise ValueError(x)",
        "return",
        "return None",
        "def inner():\n        return True\n    inner()",
        "assert len(x) == 2",
    ],
)
def test_a_validator_without_a_value_is_rejected(body):
    problems = findings(GOOD, f"x = 1\ndef validator(x):\n    {body}")
    assert [type(problem) for problem in problems] == [ValidatorReturnsNothing]
    assert "Cell [2] of model.ipynb (cell 3 of the file), line 2" in problems[0].what
    assert (problems[0].cell.number, problems[0].line) == (2, 2)


@pytest.mark.parametrize(
    "source",
    [
        "def validator(x):\n    return x > 0",
        "def validator(x):\n    if x:\n        return True",
        "async def validator(x):\n    return x",
        "def validator(x):\n    yield x",
        "@decorated\ndef validator(x):\n    check(x)",
        "def validator(x):\n    check(x)\nvalidator = None",
        "class validator:\n    def __init__(self, x):\n        pass",
    ],
)
def test_a_validator_that_may_say_yes_is_no_finding(source):
    assert findings(GOOD, source) == []


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("def f(x): return x\npredictors = {'a': f, 'b': lambda x: x}", {"a": "f", "b": ""}),
        ("from rules import f\npredictors = {'a': f, 'b': partial(f, 1)}", {"a": "f", "b": ""}),
        ("predictors = ['age', 'size']", {}),
        ("predictors = {'a': LogisticRegression()}", {}),
        ("model = 3\npredictors = {'a': model}", {}),
        ("predictors = {'a': unknown}", {}),
        ("predictors = {}", {}),
    ],
)
def test_a_dict_of_functions_by_name_counts_as_predictors(source, named):
    cells = [Cell(source, 1, 1)]
    assert notebook_contract.named_predictors(cells) == named
    assert notebook_contract.binds_predictor(cells) == bool(named)
