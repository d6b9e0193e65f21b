"""Plans and fixes COUNT mutated training notebooks in FOLDER, in one process; ends with a traceback for the first bug.

Run by the Python of the build; test/contract/test_hostile_check.py starts it. Nothing is resolved or installed, and
versions are invented: it tests the code that reads and writes cells.
"""

# ruff: noqa: E501, ISC004 - a cell of a notebook is a line here
import ast
import contextlib
import copy
import io
import json
import random
import signal
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from nb_builder.commands import check
from nb_builder.common import programs, syntax_trees
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings
from nb_builder.fix import fixing, resolver
from nb_builder.fix import plan as plans
from nb_builder.fix.resolver import Resolution
from nb_scorer.common.problem import Problem

import fuzz_check

IMPORTS = (
    "import numpy as np\nimport pandas as pd\nimport matplotlib.pyplot as plt\nfrom sklearn import svm\n"
    "from sklearn.linear_model import LogisticRegression, Ridge\nfrom sklearn.pipeline import Pipeline, make_pipeline\n"
    "from sklearn.model_selection import GridSearchCV, train_test_split\n"
    "from sklearn.preprocessing import LabelEncoder, StandardScaler"
)
READ = "df = pd.read_csv('/kaggle/input/flats.csv')\ndf.head()"
PLOT = "plt.scatter(df['a'], df['y'])\nplt.show()\nprint(df.describe())"
# Notebooks, as cells: what people write between the imports and a model.
NOTEBOOKS = (
    ("X = df[['a', 'b']]\ny = df['y']", "model = Ridge()\nmodel.fit(X, y)", "predicted = model.predict(X)", PLOT),
    (
        "X = df.iloc[:, :-1].values\nX_train, X_test, y_train, y_test = train_test_split(X, df.y, random_state=0)",
        "scaler = StandardScaler()\nX_train = scaler.fit_transform(X_train)\nX_test = scaler.transform(X_test)",
        "clf = svm.SVC(C=1.0)\nclf.fit(X_train, y_train)\nprint(clf.score(X_test, y_test))\nclf.predict(X_test[:2])",
    ),
    (
        "coder = LabelEncoder()\ny = coder.fit_transform(df.y)",
        "pipe = Pipeline([('scale', StandardScaler()), ('model', LogisticRegression())])\npipe.fit(df[['a']], y)",
        "for row in range(3):\n    print(coder.inverse_transform(pipe.predict(df[['a']].iloc[[row]])))",
    ),
    (
        "def load(path, *, names=('a', 'b')):\n    table = pd.read_csv(path)\n    return table[list(names)], table['y']",
        "def train(model, X, y):\n    model.fit(X, y)\n    return model",
        "X, y = load('/kaggle/input/flats.csv')\nbest = train(Ridge(alpha=2), X, y)\nbest.predict(X)",
    ),
    (
        "models = {'one': Ridge(), 'other': svm.SVR()}\nscores = {}",
        "for name, m in models.items():\n    m.fit(df[['a']], df.y)\n    scores[name] = m.score(df[['a']], df.y)",
        "best = models[max(scores, key=scores.get)]\nbest.predict(df[['a']])",
    ),
    (
        "search = GridSearchCV(Ridge(), {'alpha': [1, 2, 3]}, cv=3).fit(df[['a']], df['y'])",
        "best = search.best_estimator_\nbest",
        "with open('best.txt', 'w') as file:\n    file.write(str(search.best_params_))",
    ),
    (
        "from keras.models import Sequential\nfrom keras.layers import Dense",
        "X = np.array(df[['a', 'b']])\nnet = Sequential()\nnet.add(Dense(4, input_dim=2))\nnet.add(Dense(1))",
        "net.compile(loss='mse', optimizer='adam')\nhistory = net.fit(X, df.y, epochs=3)\nnet.predict(X[:2])",
    ),
    (
        "import torch\nfrom torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.one = nn.Linear(2, 1)\n    def forward(self, x):\n        return self.one(x)",
        "net = Net()\noptimizer = torch.optim.SGD(net.parameters(), lr=0.1)\nX = torch.tensor(df[['a', 'b']].values)",
        "for epoch in range(3):\n    optimizer.zero_grad()\n    loss = (net(X) - 1).pow(2).mean()\n"
        "    loss.backward()\n    optimizer.step()",
        "net.eval()\nwith torch.no_grad():\n    print(net(X[:2]))",
    ),
    (
        "import xgboost as xgb\nX = np.c_[df['a'], df['b']]\nlast = xgb.train({}, xgb.DMatrix(X, label=df['y']))",
        "last.predict(xgb.DMatrix(X))\nX = pd.get_dummies(df)",
    ),
    (
        "from prophet import Prophet\nm = Prophet()\nm.fit(df.rename(columns={'a': 'ds', 'y': 'y'}))",
        "future = m.make_future_dataframe(periods=3)\nforecast = m.predict(future)\nforecast[['ds', 'yhat']].tail()",
    ),
    (
        "from sklearn.feature_extraction.text import TfidfVectorizer\nvec = TfidfVectorizer()\nX = vec.fit_transform(df['t'])",
        "nb = LogisticRegression().fit(X, df['y'])\ndef say(text):\n    return nb.predict(vec.transform([text]))[0]",
        "say('good')\nimport joblib\njoblib.dump(nb, 'nb.joblib')",
    ),
    # With a predictor, of which it is looked at whether it can be called in batches.
    (
        "class Model:\n    scale = 2\n    def predict(self, rows):\n        return [row[0] * self.scale for row in rows]",
        "model = Model()\ndef scaled(x, by=2):\n    return [each * by for each in x]",
        "def predictor(x):\n    row = scaled(x)\n    return model.predict([row])[0]\npredictor([1, 2])",
    ),
    (
        "model = Ridge().fit(df[['a', 'b']], df['y'])\nclean = lambda row: {key: float(row[key]) for key in ('a', 'b')}",
        "def helper(row):\n    return pd.DataFrame([clean(row)])\ndef predictor(x):\n    return model.predict(helper(x))[0]",
        "examples = [{'a': 1, 'b': 2}]\npredictor(examples[0])",
    ),
)
# Replacements of an expression, of a statement, or of the code around one.
EXPRESSIONS = (
    *(
        "await x",
        "(yield)",
        "(yield from a)",
        "lambda *a, **k: a",
        "(z := 1)",
        "[*a, *b]",
        "{**a}",
        "a[1:2, ..., None]",
    ),
    *("[i for i in a if i async for j in b]", "f'{a!r:>{b}}'", "...", "not a", "a if b else c", "{}", "()", "-1", "''"),
    *(
        "model",
        "df",
        "X",
        "np.nan",
        "df['a']['b'].c",
        "model.fit(X, y).predict",
        "print",
        "globals()",
        "__import__('a')",
    ),
    *(
        f"'/a/{'y' * 300}/flats.csv'",
        "'https://github.com/a/0/raw/main/flats.csv'",
        "'flats.csv\\0'",
        "'../../flats.csv'",
    ),
    *("9" * 40, "'\\ud800'", "b'a'", "1j", "a @ b", "self.model", "type(x)(x)", "(lambda: (yield))()", "*a, b"),
)
# The first ones are valid in some kinds of functions alone, which only the compiler finds.
BY_SCOPE = 9
STATEMENTS = (
    *("del model", "global model", "nonlocal model", "return model", "yield model", "await model", "pass", "raise"),
    *("from __future__ import annotations", "from sklearn import *", "import model", "model = None", "X, *y = df"),
    *("model: int", "model += 1", "assert model", "def predict(x): return model", "class model: pass", "exec('a')"),
    *(
        "%matplotlib inline",
        "!pip install -q torch==1.0",
        "%%time",
        "?model",
        "model?",
        "%run other.ipynb",
        "$a",
        "1 +",
    ),
    *("match X:\n    case [a, *b] if a: pass", "type T[U] = U", "try: pass\nexcept* ValueError: pass", "break", "# %%"),
    *(
        "async def train():\n    await model.fit(X, y)",
        "with a as (b, c): pass",
        "for X.a in y: pass",
        "import a.b as X",
    ),
)
AROUND = (
    *(
        "if True:",
        "for i in range(3):",
        "while model:",
        "def inner(x=X, *rest, key=df, **more):",
        "class Inner(Ridge):",
    ),
    *("async def inner():", "with open('a') as X, b:", "try:", "async for i in X:", "@decorated\ndef inner(model):"),
)


def parsed(source: str) -> ast.Module | None:
    """Return the tree of a cell, None for one in which there is nothing to exchange."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return None


def with_another_node(source: str, chance: random.Random) -> str:
    """Return a cell in which an expression is another one: of the list, or of elsewhere in the cell."""
    tree = parsed(source)
    if tree is None:
        return source
    places = [
        (node, name, at)
        for node in ast.walk(tree)
        for name, value in ast.iter_fields(node)
        for at, child in enumerate(value if isinstance(value, list) else [value])
        if isinstance(child, ast.expr)
    ]
    if not places:
        return source
    node, name, at = chance.choice(places)
    others = [child for child in ast.walk(tree) if isinstance(child, ast.expr)]
    # As text: no tree of Python's has a starred expression or a statement there, and cells have them.
    other = (
        ast.Name(f"MARK{chance.randrange(10**9)}") if chance.random() < 0.6 else copy.deepcopy(chance.choice(others))
    )
    value = getattr(node, name)
    if isinstance(value, list):
        value[at] = other
    else:
        setattr(node, name, other)
    try:
        text = ast.unparse(ast.fix_missing_locations(tree))
    except (ValueError, AttributeError, RecursionError, TypeError):
        return source
    return (
        text.replace(other.id, chance.choice(chance.choice((EXPRESSIONS, EXPRESSIONS[:BY_SCOPE]))))
        if isinstance(other, ast.Name)
        else text
    )


def mutated(cells: list[str], chance: random.Random) -> list[str]:
    """Return the cells of a notebook after a few changes."""
    cells = list(cells)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(cells))
        lines = cells[at].split("\n")
        kind = chance.randrange(8)
        if kind < 3:
            cells[at] = with_another_node(cells[at], chance)
        elif kind == 3:
            lines.insert(chance.randrange(len(lines) + 1), chance.choice(STATEMENTS))
            cells[at] = "\n".join(lines)
        elif kind == 4:
            around = chance.choice(AROUND)
            inner = "\n".join(f"    {line}" for line in lines)
            cells[at] = f"{around}\n{inner}" + ("\nfinally:\n    model = 1" if around == "try:" else "")
        elif kind == 5:
            other = chance.randrange(len(cells))
            cells[at], cells[other] = cells[other], cells[at]
        elif kind == 6:
            cells.insert(at, chance.choice(cells))
        elif len(cells) > 1:
            place = chance.randrange(len(cells[at]) + 1)
            cells[at] = cells[at][:place] + cells[at][place + chance.randint(1, 9) :]
    return cells


def notebook(cells: list[str], chance: random.Random) -> dict:
    """Return a notebook with these cells; some have numbers of an order of their own."""
    shown = [
        {
            "cell_type": "code",
            "id": f"c{number}",
            "metadata": {},
            "outputs": [],
            "execution_count": chance.choice((None, number, 1)),
            "source": cell if chance.random() < 0.9 else cell.splitlines(keepends=True),
        }
        for number, cell in enumerate(cells)
    ]
    return {"cells": shown, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def resolved(wished: resolver.Wishes, candidate: resolver.Candidate, environ: dict, **_: object) -> Resolution:
    """Stand for the resolver, which asks an index."""
    return Resolution(candidate, tuple((name, "1.0") for name in wished.names))


def examined(case: Path) -> check.Result:
    """Return the findings of a check that runs the code of requirements."""
    with tempfile.TemporaryDirectory() as scratch:
        return check.examine(case, {}, Path(scratch), Log(io.StringIO()))


def tried(case: Path) -> tuple[bool, bool]:
    """Plan, write and fix one notebook; return whether there was a plan, and whether --fix wrote a predictor."""
    text = (case / "m.ipynb").read_bytes()
    environ = {"S2I_SRC": str(case), "APP_ROOT": str(case / "app"), "PATH": "/usr/bin:/bin", "HOME": str(case)}
    result = examined(case)
    plans.why_not(result)
    has_plan = False
    for number in range(3):
        plan = plans.draw(result, Settings(environ), environ, number)
        if plan is None:
            break
        has_plan = True
        found = resolved(plan.wishes, plan.candidates[0], environ)
        list(plans.lines(plan, plan.candidates[0], found))
        for written in filter(None, (plan.proposal.source, plan.proposal.check)):
            ast.parse(written)
        plans.write(plan, found, case, checks=True)
        require_predictor(examined(case), f"plan {number}")
        (case / "m.ipynb").write_bytes(text)
    fixed = fixing.fix(result, sys.executable, environ, Log(io.StringIO()))
    wrote = any(change.name == fixing.PREDICTOR for change in fixed.changes)
    if wrote:
        require_predictor(examined(case), "--fix")
    return has_plan, wrote


def require_predictor(result: check.Result, by: str) -> None:
    """Raise AssertionError where what was written defines no predictor, or no longer can be read."""
    syntax = [str(problem) for problem in result.findings if getattr(problem, "code", "") == "cell-syntax"]
    if not result.has_predictor or syntax:
        raise AssertionError(f"{by} wrote no predictor: {result.defines} {syntax}")


def main(folder: Path, count: int, seed: int) -> None:
    """Try that number of notebooks; raise the first exception that is not a problem of a repository."""
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(syntax_trees.RECURSION_LIMIT)
    programs.run = fuzz_check.in_this_process(programs.run)
    resolver.resolve = resolved
    chance = random.Random(seed)  # noqa: S311 - which changes are tried must be repeatable
    plan_count = fix_count = 0
    for number in range(count):
        case = folder / str(number)
        case.mkdir()
        cells = mutated([IMPORTS, READ, *chance.choice(chance.choice((NOTEBOOKS, NOTEBOOKS[-2:])))], chance)
        (case / "m.ipynb").write_text(json.dumps(notebook(cells, chance)))
        (case / "flats.csv").write_text("a,b,y\n1,2,3\n")
        signal.alarm(fuzz_check.LIMIT)
        try:
            # That notebook is not written; others are found by the next test.
            with contextlib.suppress(Problem):
                has_plan, wrote = tried(case)
                plan_count, fix_count = plan_count + has_plan, fix_count + wrote
        except BaseException:
            print(f"seed {seed}, number {number}:")
            print("\n# %%\n".join(cells))
            raise
    signal.alarm(0)
    print(f"{count} notebooks: {plan_count} with a plan, {fix_count} with a predictor written by --fix")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
