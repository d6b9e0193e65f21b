"""`run --yes` of a notebook that only trains a model, as strangers have them: it is served, and stays as it is."""

import json
import os
import subprocess

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


def test_a_training_notebook_becomes_a_service(repo, tmp_path):
    before = (repo / "train.ipynb").read_bytes()
    home = os.environ.get("NB_BUILDER_HOME", str(stage.ROOT / ".nb-builder"))
    clean = {key: value for key, value in os.environ.items() if not key.startswith("S2I_")}
    environ = {**clean, "NB_BUILDER_HOME": home, "PORT": "0"}
    words = ["local", "--json", "--yes", "--app-root", tmp_path / "app", repo / "train.ipynb"]
    with (
        (tmp_path / "log").open("w+") as log,
        subprocess.Popen(
            [f"{home}/build/bin/python", "-I", "-m", "nb_builder", *map(str, words)],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as run,
    ):
        try:
            reported = json.loads(run.stdout.readline())
            log.seek(0)
            output = log.read()
            assert "url" in reported, output
            port = int(reported["url"].split(":")[2].split("/")[0])
            assert json.loads(stage.ask(port, b'{"size": 30}')[1]) == pytest.approx(400)
        finally:
            run.terminate()
    assert "numpy 1.24 no longer has 'numpy.float'" in output
    assert "'import numpy as np' is added to cell [2], which needs it and no cell has it" in output
    assert "/content/drive/MyDrive/flats.csv is read from data/flats.csv" in output
    assert "left out, because predictor does not need them: cells [3]" in output
    assert "The proposed predictor answers 3 samples as the notebook's own model does." in output
    assert (repo / "train.ipynb").read_bytes() == before
