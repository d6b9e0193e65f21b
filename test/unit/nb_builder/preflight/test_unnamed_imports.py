"""Which imports `check` notes, as neither requirements nor a pip cell names their package."""

import io

import pytest
from nb_builder.commands import check


@pytest.fixture
def noted(tmp_path, tmp_path_factory):
    """Return what checks a notebook of some cells and returns its notes about imports."""

    def look(*sources):
        text = "".join(f"# %%\n{source}\n" for source in sources)
        (tmp_path / "model.py").write_text(text + ("" if "def predictor" in text else "# %%\npredictor = len\n"))
        log = check.NotesLog(io.StringIO())
        result = check.examine(tmp_path, {"S2I_BATCHING": "off"}, tmp_path_factory.mktemp("scratch"), log)
        assert result.findings == []
        return [note for note in log.notes if "this build runs on your machine" not in note]

    return look


def test_an_import_that_no_pip_cell_names_is_noted(noted):
    [note] = noted("!pip install -q scikit-learn==1.5.2", "import pandas as pd", "from sklearn.tree import x")
    assert note.startswith("Cell [2] of model.py (cell 2 of the file), line 1 ")
    assert note.endswith(
        "needs 'pandas', and nothing here names pandas: if no other package depends on it, the build fails."
    )


@pytest.mark.parametrize(
    "source",
    [
        "!pip install pandas",
        "%pip install --upgrade 'pandas>=2' 2>/dev/null",
        "%%bash\npip3 install -i https://example.org seaborn # with pandas",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'pip', 'install', 'pandas'])",
        "!pip install -r more.txt",
        "!pip install ./wheels/own.whl",
        "package = 'pandas'\n!pip install alpha {package}",
        "!conda install -y pandas",
        "!pip install alpha\nimport findspark",
    ],
)
def test_what_pip_names_or_may_install_is_not_noted(noted, source):
    assert noted(source, "import pandas, acme") == []


def test_an_import_that_no_requirement_names_is_noted_where_it_runs_for_certain(noted):
    source = "import pandas, acme\nfrom sklearn.tree import x\ndef unused():\n    import torch"
    [note] = noted("requirements = ['pandas==2.2.3']", source)
    assert note.startswith("Cell [2] of model.py (cell 2 of the file), line 2 ")
    assert "needs 'sklearn', and nothing here names scikit-learn: if no other package depends on it" in note
    assert noted("requirements = ['imbalanced-learn']", "import numpy, sklearn") == []


def test_bars_of_tqdm_are_noted_without_ipywidgets_before_anything_is_installed(noted):
    [note] = noted("requirements = ['tqdm']", "from tqdm.notebook import tqdm")
    assert "needs 'ipywidgets', and nothing here names ipywidgets:" in note
    for includes in ("ipywidgets", "jupyter", "tqdm[notebook]"):
        assert noted(f"requirements = ['tqdm', '{includes}']", "from tqdm.notebook import tqdm") == []
    assert noted("requirements = ['tqdm']", "from tqdm.auto import tqdm") == []


def test_names_of_imports_among_the_requirements_are_noted_with_those_of_their_packages(noted):
    [note] = noted("requirements = ['sklearn', ['PIL', '1.0'], 'opencv', 'numpy', 'psycopg2', 'ipython', 'PyYAML']")
    assert note == (
        "the requirements list sklearn, PIL, opencv; the packages meant are probably called "
        "scikit-learn, pillow, opencv-python-headless."
    )
    assert noted("requirements = ['scikit-learn', 'pillow']", "import sklearn, PIL") == []


def test_what_predictor_has_of_ipython_is_noted_where_nothing_names_that(noted):
    cells = ("from IPython.display import display", "def predictor(x):\n    display(x)\n    return x")
    [note] = noted("requirements = ['numpy']", *cells)
    assert "predictor uses 'display' of IPython (Cell [3] of model.py" in note
    for includes in ("ipython", "ipywidgets"):
        assert noted(f"requirements = ['{includes}']", *cells) == []
