"""What `check --fix` writes into repositories as people have them, and what it leaves to them."""

import json
import subprocess
import sys

import pytest
from nb_builder.commands import check
from nb_builder.fix import installed_packages, resolver

PREDICTOR = "def predictor(x):\n    return x\n"


def notebook(*sources):
    cells = [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}
        for source in sources
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}, indent=1)


@pytest.fixture
def repository(tmp_path):
    """Return a function that makes a repository with a notebook of code cells, and other files by their paths."""
    folder = tmp_path / "repository"

    def make(*sources, **files):
        for name, text in {**({"model.ipynb": notebook(*sources)} if sources else {}), **files}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return folder

    return make


def fix(folder, environment, capsys, *arguments):
    """Return (exit status, output as JSON) of `check --fix`."""
    with pytest.raises(SystemExit) as ended:
        check.main(["--json", "--fix", "--python", str(environment), *arguments, str(folder)])
    return ended.value.code, json.loads(capsys.readouterr().out)


def sources(folder):
    cells = json.loads((folder / "model.ipynb").read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells]


def test_a_version_that_a_pip_cell_pins_goes_before_the_installed_one(repository, environment, capsys):
    cells = ["!pip install -q scikit-learn==1.5.2 pandas lightgbm==4.5.0", "import pandas, sklearn.svm, lightgbm"]
    folder = repository(*cells, PREDICTOR)
    status, _ = fix(folder, environment, capsys)
    written = 'requirements = [["lightgbm", "4.5.0"], ["pandas", "2.2.3"], ["scikit-learn", "1.5.2"]]'
    assert (status, sources(folder)[0]) == (0, written)


ALIASES = """\
import os, json
import cv2, yaml
from PIL import Image
from bs4 import BeautifulSoup
from sklearn import svm
from google.cloud import storage
import helper
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import polars
try:
    import torch
except ImportError:
    torch = None
"""


def test_what_is_imported_is_written_with_the_versions_next_to_it(repository, environment, capsys):
    folder = repository(ALIASES, PREDICTOR, **{"helper.py": "import numpy\n"})
    status, told = fix(folder, environment, capsys)
    assert (status, told["ok"], told["versions_of"]) == (0, True, str(environment / "bin" / "python"))
    expected = [
        ["beautifulsoup4", "4.13.4"],
        ["google-cloud-storage", "3.1.0"],
        ["numpy", "2.2.6"],
        ["opencv-python-headless", "4.11.0"],
        ["pillow", "11.3.0"],
        ["pyyaml", "6.0.2"],
        ["scikit-learn", "1.7.2"],
    ]
    written = {}
    exec(sources(folder)[0], written)
    assert written["requirements"] == expected
    assert sources(folder)[1:] == [ALIASES, PREDICTOR]
    [change] = told["written"]
    assert (change["name"], change["position"], change["new"]) == ("requirements", 1, True)


def test_a_second_time_nothing_is_written(repository, environment, capsys):
    folder = repository("import numpy", PREDICTOR)
    fix(folder, environment, capsys)
    before = (folder / "model.ipynb").read_bytes()
    status, told = fix(folder, environment, capsys)
    assert (status, told["written"]) == (0, [])
    assert (folder / "model.ipynb").read_bytes() == before


def test_an_author_s_own_list_gets_what_it_lacks(repository, environment, capsys):
    own = "# ours\nrequirements = [['numpy', '1.26.4']]  # old"
    folder = repository(own, "import numpy, yaml", PREDICTOR)
    status, told = fix(folder, environment, capsys)
    assert status == 0
    assert sources(folder)[0] == "# ours\nrequirements = [['numpy', '1.26.4'], ['pyyaml', '6.0.2']]  # old"
    assert [note for note in told["notes"] if note.startswith("numpy==1.26.4 is required, but ")]
    assert told["written"][0]["new"] is False


@pytest.mark.parametrize("magic", ["%pip install pandas", "!pip install -q pandas"])
def test_what_a_cell_installs_by_pip_is_written_too(magic, repository, environment, capsys):
    folder = repository(magic, "import pandas as pd", PREDICTOR)
    assert fix(folder, environment, capsys)[0] == 0
    assert sources(folder)[0] == 'requirements = [["pandas", "2.2.3"]]'


def test_what_is_not_installed_is_named_and_gets_no_version(repository, environment, capsys):
    folder = repository("import numpy, polars", PREDICTOR)
    status, told = fix(folder, environment, capsys)
    [finding] = told["findings"]
    assert (status, finding["code"], finding["line"]) == (1, "version-unknown", 1)
    assert "imports polars" in finding["what"] and '["polars", "<version>"]' in finding["fix"]
    assert sources(folder)[0] == 'requirements = [["numpy", "2.2.6"]]'


def test_where_nothing_is_installed_nothing_is_written(repository, environment, capsys):
    folder = repository("import polars", PREDICTOR)
    status, told = fix(folder, environment, capsys)
    assert (status, [finding["code"] for finding in told["findings"]]) == (1, ["version-unknown"])
    assert (told["written"], len(sources(folder))) == ([], 2)


def test_what_may_not_be_needed_is_a_note(repository, environment, capsys):
    folder = repository("import numpy\ndef f():\n    import polars", PREDICTOR)
    status, told = fix(folder, environment, capsys)
    assert status == 0
    assert [note for note in told["notes"] if "does not have polars" in note]


def test_a_file_s_list_is_left_to_its_author(repository, environment, capsys):
    files = {"environment.yml": "dependencies:\n  - python=3.11\n  - pandas=2.2.3\n"}
    folder = repository("import pandas, numpy", PREDICTOR, **files)
    assert fix(folder, environment, capsys)[0] == 0
    assert len(sources(folder)) == 2
    repository("import pandas, numpy, yaml", PREDICTOR)
    status, told = fix(folder, environment, capsys)
    [finding] = told["findings"]
    assert (status, finding["code"], finding["fix"]) == (
        1,
        "declared-elsewhere",
        "Add pyyaml==6.0.2 to environment.yml.",
    )


def test_a_lock_says_what_is_installed(repository, environment, capsys):
    folder = repository("import numpy, yaml", PREDICTOR, **{"requirements.lock": "numpy==2.2.6\n"})
    status, told = fix(folder, environment, capsys)
    assert (status, told["written"]) == (0, [])
    assert "requirements.lock lists the packages, so --fix adds no requirements." in told["notes"]


def test_what_lies_in_a_folder_of_the_user_s_is_named(repository, environment, capsys):
    folder = repository("import tools", PREDICTOR)
    status, told = fix(folder, environment, capsys)
    [finding] = told["findings"]
    assert (status, finding["code"]) == (1, "package-from-folder")
    assert "/home/me/tools" in finding["what"]


def test_a_package_of_the_repository_is_named_by_its_path(repository, environment, capsys):
    folder = repository("import tools", PREDICTOR, **{"lib/pyproject.toml": ""})
    origin = {"url": f"file://{folder}/lib", "dir_info": {"editable": True}}
    (environment / "site" / "tools-0.1.dist-info" / "direct_url.json").write_text(json.dumps(origin))
    assert fix(folder, environment, capsys)[0] == 0
    assert sources(folder)[0] == 'requirements = ["./lib"]'


MODEL = "import pandas as pd\nfrom sklearn.linear_model import Ridge\ndf = pd.read_csv('a.csv')\nX = df[['a']]\n"


def test_a_predictor_is_written_as_the_last_cell(repository, environment, capsys):
    folder = repository(MODEL + "m = Ridge().fit(X, df['y'])")
    status, told = fix(folder, environment, capsys)
    assert (status, told["defines"]) == (0, ["predictor", "examples"])
    assert [change["name"] for change in told["written"]] == ["requirements", "predictor"]
    assert sources(folder)[-1] == told["written"][1]["source"]
    assert [change["position"] for change in told["written"]] == [1, 3]


@pytest.mark.parametrize(("listed", "told"), [("", True), ("pandas\nscikit-learn\n", False)])
def test_of_versions_is_reported_only_where_some_are_written(
    repository, environment, capsys, monkeypatch, listed, told
):
    monkeypatch.setattr(installed_packages.UserPackages, "minor", "3.99")
    monkeypatch.setattr(resolver, "resolve", lambda *_: "no network")
    folder = repository(MODEL + "m = Ridge().fit(X, df['y'])", **({"requirements.txt": listed} if listed else {}))
    with pytest.raises(SystemExit):
        check.main(["--fix", "--python", str(environment), str(folder)])
    output = capsys.readouterr().out
    assert "---> Written into model.ipynb" in output
    assert ("the versions are those of Python 3.99" in output, ", with versions of " in output) == (told, told)


def test_what_the_proposed_predictor_imports_is_required(repository, environment, capsys):
    code = "from sklearn.datasets import load_wine\nfrom sklearn.linear_model import Ridge\n"
    code += "X, y = load_wine(return_X_y=True, as_frame=True)\nm = Ridge().fit(X, y)"
    folder = repository(code)
    assert fix(folder, environment, capsys)[1]["requirements"] == ["pandas==2.2.3", "scikit-learn==1.7.2"]


def test_a_check_proposes_it_and_writes_nothing(repository, capsys):
    folder = repository(MODEL + "m = Ridge().fit(X, df['y'])")
    before = (folder / "model.ipynb").read_bytes()
    with pytest.raises(SystemExit):
        check.main([str(folder)])
    told = capsys.readouterr().out
    assert "       def predictor(x):\n           return m.predict(pd.DataFrame([x])[columns])[0]\n" in told
    assert (folder / "model.ipynb").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"cells": [', "notebook-not-json"),
        (notebook("import numpy", "def predictor(x:"), "cell-syntax"),
        (notebook("import numpy", PREDICTOR, "requirements = 'numpy'"), "requirements-malformed"),
    ],
)
def test_what_can_not_be_read_is_not_touched(text, code, repository, environment, capsys):
    folder = repository(**{"model.ipynb": text})
    before = (folder / "model.ipynb").read_bytes()
    status, told = fix(folder, environment, capsys)
    assert (status, told["findings"][0]["code"], told["written"]) == (1, code, [])
    assert (folder / "model.ipynb").read_bytes() == before


def test_a_script_in_cells_is_written(repository, environment, capsys):
    folder = repository(**{"model.py": f"# %% [markdown]\n# # Title\n\n# %%\nimport numpy\n\n# %%\n{PREDICTOR}"})
    assert fix(folder, environment, capsys)[0] == 0
    assert '\n# %%\nrequirements = [["numpy", "2.2.6"]]\n\n# %%\nimport numpy\n' in (folder / "model.py").read_text()


@pytest.mark.parametrize(
    "files",
    [
        {"model.md": f"---\njupyter: {{}}\n---\n\n```python\nimport numpy\n{PREDICTOR}```\n"},
        {"model.py": f"# Databricks notebook source\nimport numpy\n\n# COMMAND ----------\n{PREDICTOR}"},
    ],
)
def test_another_format_is_rejected_with_what_to_paste(files, repository, environment, capsys):
    folder = repository(**files)
    status, told = fix(folder, environment, capsys)
    [finding] = told["findings"]
    assert (status, finding["code"]) == (1, "fix-format")
    assert 'requirements = [["numpy", "2.2.6"]]' in finding["fix"]


def test_a_file_that_can_not_be_written_is_a_finding(repository, environment, capsys, monkeypatch):
    folder = repository("import numpy", PREDICTOR)

    def rejected(*arguments, **more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("nb_builder.fix.write_file.tempfile.mkstemp", rejected)
    status, told = fix(folder, environment, capsys)
    [finding] = told["findings"]
    assert (status, finding["code"]) == (1, "fix-failed")
    assert "Permission denied" in finding["what"]


def test_a_git_url_can_not_be_fixed(environment, capsys):
    status, told = fix("https://host.example/repo.git", environment, capsys)
    assert (status, told["findings"][0]["code"]) == (2, "fix-elsewhere")


def test_a_python_that_is_not_there_is_a_wrong_call(repository, tmp_path, capsys):
    folder = repository("import numpy", PREDICTOR)
    status, told = fix(folder, tmp_path / "nosuch", capsys)
    assert (status, told["findings"][0]["code"]) == (2, "python-unusable")


def test_a_check_alone_loads_nothing_of_it(repository):
    folder = repository("requirements = []", PREDICTOR)
    code = (
        "import sys\nfrom nb_builder.commands import check\n"
        f"try:\n    check.main([{str(folder)!r}])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "assert not [name for name in sys.modules if name.startswith('nb_builder.fix') or 'fitted' in name]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_what_was_written_is_shown_as_a_diff(repository, environment, capsys):
    folder = repository("# a\nrequirements = [['numpy', '2.2.6']]\n# b", "import yaml", PREDICTOR)
    with pytest.raises(SystemExit):
        check.main(["--fix", "--python", str(environment), str(folder)])
    told = capsys.readouterr().out
    assert told.splitlines()[:6] == [
        f"---> Written into model.ipynb, with versions of {environment}/bin/python",
        "     cell 1 of the file:",
        "         # a",
        "       - requirements = [['numpy', '2.2.6']]",
        "       + requirements = [['numpy', '2.2.6'], ['pyyaml', '6.0.2']]",
        "         # b",
    ]


def written_for_another_python(repository, environment, capsys, monkeypatch, found):
    """Return the cell and the notes of a fix for another Python than the user's; the resolver gives `found`."""
    monkeypatch.setattr(installed_packages.UserPackages, "minor", "3.99")
    monkeypatch.setattr(resolver, "resolve", lambda wished, candidate, environ: found(wished, candidate))
    folder = repository("import pandas\nfrom sklearn.externals import joblib", PREDICTOR)
    _, told = fix(folder, environment, capsys)
    return sources(folder)[0], told["notes"]


def test_versions_are_for_the_python_that_builds(repository, environment, capsys, monkeypatch):
    def found(wished, candidate):
        assert candidate.as_of.day == "2020-05-11"
        return resolver.Resolution(candidate, tuple((name, "0.1") for name in wished.names))

    cell, notes = written_for_another_python(repository, environment, capsys, monkeypatch, found)
    assert cell == 'requirements = [["pandas", "0.1"], ["scikit-learn", "0.1"]]'
    assert any("the versions are for Python 3." in note and "is Python 3.99" in note for note in notes)


def test_where_none_are_found_the_user_s_versions_stay(repository, environment, capsys, monkeypatch):
    cell, notes = written_for_another_python(repository, environment, capsys, monkeypatch, lambda *_: "no network")
    assert cell == 'requirements = [["pandas", "2.2.3"], ["scikit-learn", "1.7.2"]]'
    assert any("S2I_PYTHON=3.99 chooses the other one" in note for note in notes)
