"""`run --yes` of a notebook that only trains a model, as strangers have them: it is served, and stays as it is."""

import json
import os
import subprocess
from contextlib import contextmanager

import pytest

from flow import stage

# numpy has no np.float since 1.24, and the plot names a style that no release has.
CELLS = [
    (
        "import matplotlib.pyplot as plt\nfrom sklearn.linear_model import LinearRegression\n"
        "from sklearn.model_selection import train_test_split\nfrom sklearn.preprocessing import StandardScaler"
    ),
    "df = pd.read_csv('/content/drive/MyDrive/flats.csv')\ndf['size'] = df['size'].astype(np.float)",
    "plt.style.use('of another time')\nplt.hist(df['size'], normed=True)",
    (
        "X_train, X_test, y_train, y_test = train_test_split(df[['size']], df['rent'], random_state=1)\n"
        "scaler = StandardScaler()\nX_train = scaler.fit_transform(X_train)\nX_test = scaler.transform(X_test)"
    ),
    "model = LinearRegression()\nmodel.fit(X_train, y_train)\ny_pred = model.predict(X_test)",
]


@pytest.fixture
def repo(tmp_path):
    folder = tmp_path / "mine"
    (folder / "data").mkdir(parents=True)
    rows = "".join(f"{size},{10 * size + 100}\n" for size in range(20, 60))
    (folder / "data" / "flats.csv").write_text(f"size,rent\n{rows}")
    cells = [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}
        for source in CELLS
    ]
    text = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}, indent=1)
    (folder / "train.ipynb").write_text(text)
    return folder


@contextmanager
def running(repo, tmp_path, option, stdin=subprocess.DEVNULL):
    """Run the notebook; yield the process and its log."""
    home = os.environ.get("NB_BUILDER_HOME", str(stage.ROOT / ".nb-builder"))
    clean = {key: value for key, value in os.environ.items() if not key.startswith("S2I_")}
    environ = {**clean, "NB_BUILDER_HOME": home, "PORT": "0"}
    words = ["local", "--json", option, "--app-root", tmp_path / "app", repo / "train.ipynb"]
    with (
        (tmp_path / "log").open("w+") as log,
        subprocess.Popen(
            [f"{home}/build/bin/python", "-I", "-m", "nb_builder", *map(str, words)],
            env=environ,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as run,
    ):
        try:
            yield run, log
        finally:
            run.terminate()


def test_a_training_notebook_becomes_a_service(repo, tmp_path):
    before = (repo / "train.ipynb").read_bytes()
    with running(repo, tmp_path, "--yes") as (run, log):
        reported = json.loads(run.stdout.readline())
        log.seek(0)
        output = log.read()
        assert "url" in reported, output
        port = int(reported["url"].split(":")[2].split("/")[0])
        assert json.loads(stage.ask(port, b'{"size": 30}')[1]) == pytest.approx(400)
    assert "numpy 1.24 no longer has 'numpy.float'" in output
    assert "'import numpy as np' is added to cell [2], which needs it and no cell contains it" in output
    assert "/content/drive/MyDrive/flats.csv is read from data/flats.csv" in output
    assert "left out, as predictor does not need what they plot, print or compute: cells [3]" in output
    assert "The proposed predictor and the notebook's own model give the same predictions for 3 samples." in output
    assert (repo / "train.ipynb").read_bytes() == before


def test_a_question_on_a_terminal_is_answered_and_the_plan_written(repo, tmp_path):
    master, terminal = os.openpty()
    try:
        # The terminal keeps the line until the question reads it.
        os.write(master, b"y\n")
        with running(repo, tmp_path, "--fix", terminal) as (run, log):
            reported = json.loads(run.stdout.readline())
            log.seek(0)
            output = log.read()
    finally:
        os.close(master)
        os.close(terminal)
    assert reported["answer"] == pytest.approx(10 * reported["sample"]["size"] + 100), output
    assert "     compared with the notebook's own model: the predictions are equal" in output
    assert "Serve it? [Y/n]" in output and "Written into train.ipynb and .s2i/environment" in output
    assert "S2I_CELLS=needed" in (repo / ".s2i" / "environment").read_text()
    written = (repo / "train.ipynb").read_text()
    assert "def predictor(x):" in written and "compare_with_own_model" not in written


# The rent is ten times the size, and a hundred.
READ = "import pandas as pd\nfrom sklearn.linear_model import LinearRegression\ndf = pd.read_csv('data/flats.csv')\n"
FIT = "model = LinearRegression()\nmodel.fit(df[['size']], df['rent'])\npredicted = model.predict(df[['size']])"
OBSTACLES = {
    "nothing declares packages": [READ, FIT],
    "a file declares packages that can't be installed": [READ, FIT],
    "a file of another machine": [READ.replace("data/flats", "/kaggle/input/flats/flats"), FIT],
    "a magic": ["%matplotlib inline\n" + READ, FIT],
    "an installation in a cell": ["!pip install scikit-learn pandas\n" + READ, FIT],
    "a cell that fails and is not needed": [READ, "import matplotlib.pyplot as plt\nplt.hist(df, normed=1)", FIT],
    "an import below its use": [READ.replace("import pandas as pd\n", ""), "import pandas as pd", FIT],
    "a scaler that takes the name of the data": [
        READ + "from sklearn.preprocessing import StandardScaler",
        "X = df[['size']]\nscaler = StandardScaler()\nX = scaler.fit_transform(X)",
        "model = LinearRegression().fit(X, df['rent'])\npredicted = model.predict(X)",
    ],
    "models in a loop": [
        READ + "from sklearn.linear_model import Ridge",
        "models = {'ridge': Ridge(1e-9), 'linear': LinearRegression()}\nX = df[['size']]",
        "for name, model in models.items():\n    model.fit(X, df['rent'])",
        "best = models['linear']\npredicted = best.predict(X)",
    ],
    "a cell that replaces the model": [READ, FIT, "model = LinearRegression()\nprint(model)"],
    "an import from the future below a magic": [
        "%matplotlib inline\nfrom __future__ import print_function\n" + READ,
        FIT,
    ],
    "an extension of which no package is known": ["%load_ext of_nobody\n" + READ, FIT, "%%R\nplot(1)"],
    "an own function that only plots": [
        READ,
        FIT,
        "import matplotlib.pyplot as plt\ndef show(m):\n    plt.plot(m.predict(df[['size']]), no_such=1)",
        "show(model)",
    ],
    "a model that a function fits": [
        READ,
        "def train(rows, answers):\n    m = LinearRegression()\n    m.fit(rows, answers)\n    return m",
        "X = df[['size']]\nmodel = train(X, df['rent'])\npredicted = model.predict(X)",
    ],
}


@pytest.mark.long
@pytest.mark.parametrize("python", ["3.8", "3.11", "3.13"])
@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_each_obstacle_is_overcome_for_each_python(repo, tmp_path, obstacle, python):
    cells = [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}
        for source in OBSTACLES[obstacle]
    ]
    metadata = {"language_info": {"name": "python", "version": f"{python}.0"}}
    text = json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4})
    (repo / "train.ipynb").write_text(text)
    if "declares" in obstacle and "file" in obstacle:
        (repo / "requirements.txt").write_text("pandas==0.1\n")
    with running(repo, tmp_path, "--yes") as (run, log):
        reported = json.loads(run.stdout.readline())
        log.seek(0)
        output = log.read()
    assert "sample" in reported, output
    assert reported["answer"] == pytest.approx(10 * reported["sample"]["size"] + 100), output
    assert "the same predictions for 3 samples" in output
