"""What keeps predictor from being scored in batches, by the syntax of the cells."""

import gc

import pytest
from nb_builder.analysis import batching
from nb_builder.common.cell import Cell

MODEL = "import joblib\nmodel = joblib.load('model.joblib')"
FIT = "s.fit_transform trains during predictions; predictions need transform"
PREDICTOR = "def predictor(x):\n    {}\n    return model.predict([x])[0]"


def told(tmp_path, *sources):
    cells = [Cell(source, number, number) for number, source in enumerate(sources, start=1)]
    found = batching.hindrance(cells, tmp_path, tmp_path)
    return found and found.note.partition("batches: ")[2].partition(". To speed")[0]


@pytest.mark.parametrize(
    ("before", "line", "words"),
    [
        ("import time", "time.time()", "time.time reads the clock"),
        ("from random import choice as pick", "pick(x)", "pick draws random numbers"),
        ("import random\nr = random.Random(3)", "r.random()", "r.random draws random numbers"),
        ("import numpy as np", "np.random.normal()", "np.random.normal draws random numbers"),
        ("from numpy.random import default_rng\nr = default_rng()", "r.normal()", "r.normal draws random numbers"),
        ("import requests", "requests.get(x)", "requests.get reads or writes outside the process"),
        ("import boto3\ns3 = boto3.client('s3')", "s3.get()", "s3.get reads or writes outside the process"),
        (
            "import sqlite3\ndb = sqlite3.connect('x')",
            "db.execute('x')",
            "db.execute reads or writes outside the process",
        ),
        ("seen = {}", "seen[x] = 1", "it writes seen[x], which keeps its value after the call"),
        ("seen = dict()", "seen.update(x)", "seen.update changes a dict that keeps its value after the call"),
        (
            "from collections import deque\nseen = deque(maxlen=3)",
            "seen.append(x)",
            "seen.append changes a deque that keeps its value after the call",
        ),
        (
            "seen = [n for n in range(3)]",
            "seen.append(x)",
            "seen.append changes a list that keeps its value after the call",
        ),
        (
            "try:\n    import clock as t\nexcept ImportError:\n    import time as t",
            "t.time()",
            "t.time reads the clock",
        ),
        ("from sklearn.preprocessing import StandardScaler as S\ns = S()", "s.fit_transform([x])", FIT),
        ("", "from datetime import datetime; datetime.now()", "datetime.now reads the clock"),
    ],
)
def test_the_rules_of_the_build_are_reported_by_names(tmp_path, before, line, words):
    assert told(tmp_path, MODEL, before, PREDICTOR.format(line)) == f"{words} (cell 3, line 2)"


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_generator_is_never_batched_so_nothing_is_advised(tmp_path, kind):
    assert told(tmp_path, "import random", f"{kind} predictor(x):\n    yield random.random()") is None


HELPER = "def helper(x):\n    seen.append(x)\n    return model.predict([x])\n\n\nseen = []"
SERVICE = """class Service:
    def predict(self, x: int = open('x')):
        self.n = 1
        return model.predict([x])


service = Service()"""


def test_functions_and_methods_that_predictor_calls_are_read(tmp_path):
    found = told(tmp_path, MODEL, HELPER, PREDICTOR.format("helper(x)"))
    assert found == "seen.append changes a list that keeps its value after the call (cell 2, line 2)"
    found = told(tmp_path, MODEL, SERVICE, PREDICTOR.format("service.predict(x)"))
    assert found == "it writes self.n, which keeps its value after the call (cell 2, line 3)"


def test_a_model_that_is_loaded_for_each_sample_is_reported(tmp_path):
    source = (
        "import joblib\ndef predictor(x):\n    model = joblib.load('model.joblib')\n    return model.predict([x])[0]"
    )
    assert told(tmp_path, source) == (
        "joblib.load loads from a file for each sample; load what it needs in a cell of its own, not in predictor "
        "(cell 1, line 3)"
    )


def test_a_module_of_the_repository_is_read_and_not_run(tmp_path):
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers" / "scoring.py").write_text(
        "raise SystemExit\nlast = {}\nmodel = load()\ndef score(x):\n    last['x'] = x\n    return model.predict([x])\n"
    )
    assert told(tmp_path, "from helpers.scoring import score", "predictor = lambda x: score(x)") == (
        "it writes last['x'], which keeps its value after the call (helpers/scoring.py, line 5)"
    )


RUNS = "(*_):\n    open('ran', 'w').close()\n    return 'x'"
IN_CLASS = RUNS.replace("\n", "\n    ")
USES = "a = A()\nb = a.x\nc = a()\nd = a.y.z()\nA.b\ndel a\n" + PREDICTOR.format("a.x; a(x); a.y.predict([x])")
SPECIAL = [
    "__getattr__",
    "__getattribute__",
    "__del__",
    "__eq__",
    "__hash__",
    "__bool__",
    "__len__",
    "__iter__",
    "__str__",
    "__repr__",
    "__get__",
    "__class__",
    "__set_name__",
    "__init_subclass__",
    "__class_getitem__",
    "__new__",
    "__init__",
    "__call__",
    "__instancecheck__",
    "__slots__",
    "__qualname__",
    "__module__",
    "__name__",
    "__wrapped__",
    "__signature__",
    "__code__",
    "__self__",
    "__func__",
]


@pytest.mark.parametrize(
    "cell",
    [
        "class A:\n    def {name}" + IN_CLASS + "\n" + USES,
        "import evil\nfrom evil import x, y\na = evil.z\n" + PREDICTOR.format("evil.log(x); a(x)"),
        "import evil as __builtins__\nclass A:\n    pass\n" + USES,
        "from evil import {name}\nimport evil\nx = evil.x\n" + USES,
        "def {name}" + RUNS + "\nclass A:\n    pass\n" + USES,
        "class {name}:\n    def __class_getitem__" + IN_CLASS + "\nclass A:\n    pass\n" + USES,
        "{name} = []\nclass A:\n    pass\n" + USES,
    ],
)
def test_nothing_of_the_author_s_is_called(tmp_path, monkeypatch, cell):
    monkeypatch.chdir(tmp_path)
    for name in SPECIAL:
        (tmp_path / "evil.py").write_text(f"def {name}{RUNS}\ndef __getattr__{RUNS}\ndef __build_class__{RUNS}\n")
        told(tmp_path, "model = load()", cell.replace("{name}", name))
        gc.collect()
        assert not (tmp_path / "ran").exists(), name


@pytest.mark.parametrize(
    "cells",
    [
        [MODEL, PREDICTOR.format("pass")],
        [MODEL, "models = {}", PREDICTOR.format("print(x)")],
        # A pure function has nothing to gain.
        ["def predictor(x):\n    return x"],
        # batch_predictor goes first.
        ["seen = []", PREDICTOR.format("seen.append(x)"), "def batch_predictor(samples):\n    return samples"],
        # A name that is bound otherwise stands for nothing known.
        ["seen = []\nfor seen in ():\n    pass", PREDICTOR.format("seen.append(x)")],
        ["import time\ntime = load()", PREDICTOR.format("time.time()")],
        # What can't be known is not judged.
        ["from helpers import *", PREDICTOR.format("log(x)")],
        ["seen = []", "@traced\n" + PREDICTOR.format("seen.append(x)")],
        ["get_ipython().run_line_magic('run', 'other.ipynb')\nseen = []", PREDICTOR.format("seen.append(x)")],
        ["seen = []", PREDICTOR.format("seen.append(x)"), "this is no Python"],
        # A tree that can't be compiled: another check reports it.
        [MODEL, PREDICTOR.format("await x")],
        ["predictor = 3"],
        [],
    ],
)
def test_nothing_is_reported_of_these(tmp_path, cells):
    assert told(tmp_path, *cells) is None
