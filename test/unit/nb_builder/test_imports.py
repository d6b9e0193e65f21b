"""What a notebook imports, for authors who declare nothing."""

from pathlib import Path

import pytest
from nb_builder import imports
from nb_builder.cells import Cell
from nb_builder.problems import RequirementsMissing


def found(tmp_path, *sources):
    return imports.of_notebook([Cell(source, 1, 1) for source in sources], tmp_path, tmp_path)


def test_packages_count_and_the_standard_library_does_not(tmp_path):
    assert found(tmp_path, "import os, numpy.linalg as l", "from sklearn.cluster import KMeans") == {"numpy", "sklearn"}


def test_imports_inside_functions_count(tmp_path):
    assert found(tmp_path, "def f():\n    import pandas") == {"pandas"}


def test_imports_that_may_fail_do_not_count(tmp_path):
    assert found(tmp_path, "try:\n    import cupy\nexcept ImportError:\n    cupy = None") == set()


def test_modules_of_the_repository_are_followed(tmp_path):
    (tmp_path / "helper.py").write_text("import yaml\nimport helper, package")
    (tmp_path / "package").mkdir()
    (tmp_path / "package/inner.py").write_text("from . import x\nimport PIL")
    assert found(tmp_path, "import helper") == {"yaml", "PIL"}


def test_the_refusal_is_a_cell_to_paste(tmp_path):
    with pytest.raises(RequirementsMissing, match="model.ipynb imports PIL, sklearn, and nothing says") as refused:
        imports.require_declared([Cell("import PIL, sklearn, sys", 1, 1)], tmp_path, tmp_path, Path("model.ipynb"))
    assert refused.value.fix.endswith('requirements = [["pillow", ""], ["scikit-learn", ""]]')


def test_modules_anywhere_in_the_repository_count_as_its_own(tmp_path):
    (tmp_path / "lib" / "tools").mkdir(parents=True)
    (tmp_path / "lib" / "shapes.py").write_text("import yaml")
    (tmp_path / "lib" / "tools" / "area.py").write_text("import PIL")
    assert found(tmp_path, "import sys; sys.path.append('../lib')\nimport shapes\nfrom tools import area") == {
        "yaml",
        "PIL",
    }


def test_modules_that_a_cell_writes_count_as_the_repositorys(tmp_path):
    writes = "get_ipython().run_cell_magic('writefile', '{}', 'x = 1')"
    assert found(tmp_path, writes.format("prices.py"), writes.format("-a pack/more.py"), "import prices, pack") == set()


@pytest.mark.parametrize(
    "source",
    [
        "get_ipython().run_line_magic('pip', 'install alpha')",
        "get_ipython().system('pip install -q alpha')",
        "subprocess.check_call([sys.executable, '-m', 'pip', 'install', 'alpha'])",
    ],
)
def test_a_notebook_that_runs_pip_itself_is_left_to_the_run(tmp_path, source):
    cells = [Cell(source, 1, 1), Cell("import alpha", 2, 2)]
    imports.require_declared(cells, tmp_path, tmp_path, Path("model.ipynb"))
