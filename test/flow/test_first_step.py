"""The first step: a notebook that `check --fix` completes, and a repository that `new` makes, build and answer."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from cases import named
from flow import stage

NOTEBOOK = """\
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

iris = load_iris(as_frame=True)
X, y = iris.data, iris.target
scaler = StandardScaler().set_output(transform="pandas")
X_scaled = scaler.fit_transform(X)
model = LogisticRegression(max_iter=500)
model.fit(X_scaled, y)
model.score(X_scaled, y)"""
SAMPLE = {"petal width (cm)": 0.2, "petal length (cm)": 1.4, "sepal width (cm)": 3.5, "sepal length (cm)": 5.1}


def nb_builder(*words, **env):
    """Run a command of nb_builder with the environments of a developer; return what it printed."""
    home = os.environ.get("NB_BUILDER_HOME", str(stage.ROOT / ".nb-builder"))
    clean = {key: value for key, value in os.environ.items() if not key.startswith("S2I_")}
    command = [f"{home}/build/bin/python", "-I", "-m", "nb_builder", *map(str, words)]
    ran = subprocess.run(command, env={**clean, **env}, capture_output=True, encoding="utf-8", check=False)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    return ran.stdout


def answers(repo, folder, *samples):
    """Build the repository below `folder`, and return what its service answers."""
    build, env = stage.assemble(replace(named("ok-pure-python"), repo=repo, env={}), folder)
    assert build.status == 0, build.stdout
    with stage.running(env) as (port, _, _):
        return [json.loads(stage.ask(port, json.dumps(sample).encode())[1]) for sample in samples], build.stdout


@pytest.fixture
def environment(tmp_path):
    """Return an environment of a user's that has scikit-learn and pandas, by their metadata alone."""
    folder = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    [site] = folder.glob("lib/python*/site-packages")
    for name, version, module in (("scikit-learn", "1.7.2", "sklearn"), ("pandas", "2.2.3", "pandas")):
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "RECORD").write_text(f"{module}/__init__.py,,\n")
    return folder


def test_a_notebook_without_requirements_and_predictor_is_fixed_and_builds_and_answers(tmp_path, environment):
    repo = tmp_path / "mine"
    repo.mkdir()
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": NOTEBOOK}
    text = json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}, indent=1)
    (repo / "model.ipynb").write_text(text)
    reported = nb_builder("check", "--fix", repo, VIRTUAL_ENV=str(environment))
    assert reported.endswith("---> Fine: predictor, examples; 2 requirements\n")
    got, log = answers(repo, tmp_path, SAMPLE, {**SAMPLE, "petal length (cm)": 6.0, "petal width (cm)": 2.5})
    assert got == ["setosa", "virginica"]
    assert "3 golden rows" in log


def test_a_new_repository_builds_and_answers(tmp_path):
    repo = tmp_path / "My flats"
    reported = json.loads(nb_builder("new", "--json", repo))
    assert (reported["name"], reported["written"]) == ("my-flats", ["model.ipynb", "README.md", ".gitignore"])
    assert reported["git"] is (shutil.which("git") is not None)
    assert nb_builder("check", repo).endswith("---> Fine: predictor, validator, examples; 1 requirement\n")
    got, _ = answers(repo, tmp_path, {"size": 50})
    assert 750 < got[0] < 850
