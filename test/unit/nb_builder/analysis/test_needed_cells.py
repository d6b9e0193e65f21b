"""Which cells a service does without."""

import pytest
from nb_builder.analysis import needed_cells
from nb_builder.common.cell import Cell

ABOVE = """\
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from sklearn.linear_model import Ridge
df = pd.read_csv("data.csv")
"""
BELOW = """\
model = Ridge().fit(df[["a"]], df["y"])
def predictor(x):
    return model.predict([x])[0]
"""


def is_left_out(source):
    cells = [Cell(text, number, number) for number, text in enumerate((ABOVE, source, BELOW), start=1)]
    left_out = needed_cells.find(cells).left_out
    assert set(left_out) <= {cells[1]}
    return bool(left_out)


@pytest.mark.parametrize(
    "source",
    [
        "df.head()",
        "df.info()\ndf.describe()",
        "plt.figure(figsize=(3, 4))\nplt.hist(df['a'], normed=True)\nplt.show()",
        "sns.heatmap(df.corr(), annot=True)",
        "fig, ax = plt.subplots()\nax.plot(df['a'])\nax.set_title('a')",
        "counts = df['a'].value_counts()\nprint(counts)",
        "df",
        "from pdpbox import pdp\nparts = pdp.pdp_isolate(model=Ridge(), dataset=df)\npdp.pdp_plot(parts, 'a')",
        "other = Ridge()\nother.fit(df[['a']], df['y'])\nother.score(df[['a']], df['y'])",
        "for column in df.columns:\n    print(column, df[column].nunique())",
        "from xgboost import plot_importance",
        "def show(x):\n    plt.plot(x)",
        "copy = df.copy()\ncopy['b'] = 1",
        "get_ipython().run_cell_magic('time', '', 'plt.plot(df)\\n')",
        "get_ipython().run_line_magic('matplotlib', 'inline')",
        "get_ipython().run_line_magic('load_ext', 'watermark')",
        "get_ipython().run_line_magic('watermark', '-v')",
        "def show(df):\n    for column in range(3):\n        plt.plot(df)\nother = [1, 2]\nshow(other)",
        "for number in xrange(3):\n    plt.plot(df['a'])",
        "from prophet.plot import plot_plotly\nplot_plotly(model, df)\nmodel.plot_components(df)",
        "get_ipython().run_cell_magic('R', '', 'plot(df)\\n')",
        "def part(t):\n    return t.head()\ndef show(t):\n    plt.plot(part(t))\nshow(df)",
        "from ipywidgets import interact\ndef show(n):\n    df.plot()\ninteract(show, n=(1, model.num_trees()))",
        "print(model.get_params())",
        "print df.head()\nif True:\n    print 'rows: %d' % len(df)",
    ],
)
def test_what_only_shows_is_left_out(source):
    assert is_left_out(source)


@pytest.mark.parametrize(
    "source",
    [
        "df['a'] = df['a'] * 2",
        "print df.head()\ndf['a'] = 1",
        "def change(t):\n    u = t\n    u.drop(columns='a', inplace=True)\nchange(df)",
        "def change(t):\n    change(t)\n    t['a'] = 1\ndef show(t):\n    change(t)\nshow(df)",
        "def change(t):\n    global df\n    df = t.head()\nchange(df)",
        "df.drop('b', axis=1, inplace=True)",
        "df = df.dropna()",
        "both = [df]\nfor each in both:\n    each['a'] = 1",
        "same = df\nsame['a'] = 0",
        "column = df['a']\ncolumn[0] = 1",
        "def clean(x):\n    x['a'] = 1\nclean(df)",
        "np.random.seed(1)",
        "import os\nos.chdir('..')",
        "df.pop('b')",
        "df.to_csv('clean.csv')",
        "get_ipython().system('wget https://example.org/data.csv')",
        "np.random.shuffle(df.values)",
        "get_ipython().run_line_magic('cd', '..')",
        "get_ipython().run_line_magic('load_ext', 'sql')",
        "get_ipython().run_cell_magic('time', '', 'df = df.dropna()\\n')",
        "requirements = [['pandas', '2.0']]",
        "from helper import *",
        "from utils import helper\nhelper(df)",
    ],
)
def test_what_may_matter_is_kept(source):
    assert not is_left_out(source)


def test_what_a_kept_cell_reads_is_kept():
    cells = ["import numpy as np", "a = np.ones(3)", "b = np.ones(4)", "def predictor(x):\n    return float(x + a[0])"]
    cells = [Cell(text, number, number) for number, text in enumerate(cells, start=1)]
    assert needed_cells.find(cells).left_out == (cells[2],)


def test_nothing_is_left_out_where_a_cell_can_not_be_read():
    cells = [Cell("df.head()", 1, 1), Cell("x = = 1", 2, 2), Cell("predictor = len", 3, 3)]
    assert needed_cells.find(cells).left_out == ()


@pytest.mark.parametrize(
    ("source", "may_fail"),
    [
        ("from subprocess import call\ncall(['dot', '-Tpng'])", True),
        ("df.to_csv('clean.csv')", True),
        ("model.save('/content/drive/MyDrive/m.h5')", True),
        ("import torch\ntorch.save(model.state_dict(), '/content/drive/MyDrive/m.pt')", True),
        ("import pickle\nwith open('/content/drive/m.pkl', 'wb') as file:\n    pickle.dump(model, file)", True),
        ("import joblib\njoblib.dump(model, '/content/drive/m.pkl')", True),
        ("model.save('m.h5')\ndf['a'] = 1", False),
        ("np.random.seed(1)", True),
        ("df['a'] = 1", False),
        ("df = df.dropna()", False),
        ("from utils import helper\nhelper(df)", False),
        ("df.pop('b')", False),
    ],
)
def test_a_cell_that_changes_nothing_that_predictor_needs_may_fail(source, may_fail):
    cells = [Cell(text, number, number) for number, text in enumerate((ABOVE, source, BELOW), start=1)]
    assert needed_cells.find(cells) == needed_cells.Unneeded((), (cells[1],) if may_fail else ())


def found(*sources):
    return needed_cells.find([Cell(text, number, number) for number, text in enumerate(sources, start=1)])


LAST = "X = pd.read_csv('b.csv')\nmodel = Ridge().fit(X, X['y'])\ndef predictor(x):\n    return model.predict([x])[0]"


def test_of_a_cell_whose_imports_alone_are_needed_only_these_run():
    first = "import pandas as pd\n\niris = sns.load_dataset('iris')\nfrom sklearn.linear_model import (\n    Ridge,\n)"
    unneeded = found(first, LAST)
    assert [cell.number for cell in unneeded.imports_only] == [1]
    alone = needed_cells.with_imports_only(unneeded.imports_only[0]).source
    assert alone == "import pandas as pd\n\n\nfrom sklearn.linear_model import (\n    Ridge,\n)"


def test_a_cell_of_imports_and_magics_is_left_as_it_is():
    first = "'all imports'\nget_ipython().run_line_magic('matplotlib', 'inline')\nimport pandas as pd"
    assert found(first, LAST) == needed_cells.Unneeded()


def test_what_is_bound_again_before_it_is_read_is_not_needed():
    imports = "import pandas as pd\nfrom sklearn.linear_model import Ridge"
    first = "X = pd.read_csv('a.csv')\nX, y = X.drop('y'), X['y']"
    unneeded = found(imports, first, "model = Ridge().fit(X, y)", LAST)
    assert [cell.number for cell in unneeded.left_out] == [2, 3]


@pytest.mark.parametrize(
    "again",
    [
        "X = X.dropna()",
        "X += 1",
        "X['y'] = 1",
        "if X.empty:\n    X = pd.read_csv('b.csv')",
        "for column in X:\n    X = X[column]",
        "def load():\n    return X\nX = load()",
        "get_ipython().run_line_magic('time', 'X = X.dropna()')",
        "load = lambda: X\nX = load()",
    ],
)
def test_what_may_be_read_before_it_is_bound_again_is_needed(again):
    last = LAST.replace("X = pd.read_csv('b.csv')", again)
    assert not found("import pandas as pd\nX = pd.read_csv('a.csv')", last).left_out
