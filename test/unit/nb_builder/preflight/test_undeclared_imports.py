"""What a notebook imports, for authors who declare nothing."""

from pathlib import Path

import pytest
from nb_builder.common.cell import Cell
from nb_builder.preflight import undeclared_imports
from nb_builder.problems.cells import ElsewhereOnly
from nb_builder.problems.packages import RequirementsMissing
from nb_builder.rewrite.magics import as_python


def packages(tmp_path, *sources):
    return {imported.package for imported in imports_of(tmp_path, *sources)}


def imports_of(tmp_path, *sources):
    cells = [Cell(source, number, number) for number, source in enumerate(sources, start=1)]
    return undeclared_imports.of_notebook(cells, tmp_path, tmp_path)


def certain_packages(tmp_path, *sources):
    return [imported.package for imported in imports_of(tmp_path, *sources) if imported.sure]


def test_packages_count_and_the_standard_library_does_not(tmp_path):
    assert packages(tmp_path, "import os, numpy.linalg as l", "from sklearn.cluster import KMeans") == {
        "numpy",
        "sklearn",
    }


def test_imports_inside_functions_count(tmp_path):
    assert packages(tmp_path, "def f():\n    import pandas") == {"pandas"}


def test_imports_that_may_fail_do_not_count(tmp_path):
    assert packages(tmp_path, "try:\n    import cupy\nexcept ImportError:\n    cupy = None") == set()


@pytest.mark.parametrize("source", ["from tqdm.notebook import tqdm", "from tqdm import tqdm_notebook as tqdm"])
def test_bars_of_tqdm_for_notebooks_need_ipywidgets_where_they_are_drawn(tmp_path, source):
    assert packages(tmp_path, source) == {"tqdm", "ipywidgets"}
    assert certain_packages(tmp_path, source) == ["tqdm"]
    assert packages(tmp_path, "from tqdm.auto import tqdm", "from tqdm import trange") == {"tqdm"}


def test_modules_of_the_repository_are_followed(tmp_path):
    (tmp_path / "helper.py").write_text("import yaml\nimport helper, package")
    (tmp_path / "package").mkdir()
    (tmp_path / "package/inner.py").write_text("from . import x\nimport PIL")
    assert packages(tmp_path, "import helper") == {"yaml", "PIL"}


def test_the_rejection_is_a_cell_to_paste(tmp_path):
    with pytest.raises(
        RequirementsMissing, match="model.ipynb imports PIL, sklearn, and no requirements list"
    ) as rejected:
        undeclared_imports.require_declared(
            [Cell("import PIL, sklearn, sys", 1, 1)], tmp_path, tmp_path, Path("model.ipynb")
        )
    assert rejected.value.fix.endswith('requirements = [["pillow", ""], ["scikit-learn", ""]]')


def test_modules_anywhere_in_the_repository_count_as_its_own(tmp_path):
    (tmp_path / "lib" / "tools").mkdir(parents=True)
    (tmp_path / "lib" / "shapes.py").write_text("import yaml")
    (tmp_path / "lib" / "tools" / "area.py").write_text("import PIL")
    assert packages(tmp_path, "import sys; sys.path.append('../lib')\nimport shapes\nfrom tools import area") == {
        "yaml",
        "PIL",
    }


def test_a_folder_hides_a_package_only_where_python_looks_for_it(tmp_path):
    for folder in ("pandas/1_intro", "python-package/lightgbm", "lessons"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "pandas/1_intro/plot.py").write_text("import flask")
    (tmp_path / "python-package/lightgbm/__init__.py").write_text("import dask")

    def find_undeclared(source):
        cells = [Cell(source, 1, 1)]
        return {each.package for each in undeclared_imports.of_notebook(cells, tmp_path / "lessons", tmp_path)}

    assert find_undeclared("import pandas, lightgbm") == {"pandas", "lightgbm"}
    assert find_undeclared("import sys\nsys.path.append('../python-package')\nimport lightgbm") == {"dask"}
    assert find_undeclared("import sys\nsys.path.append(HERE)\nimport lightgbm") == {"dask"}


@pytest.mark.parametrize("comment", ["# !pip install alpha", "  # get_ipython().system('pip install alpha')"])
def test_a_commented_installation_installs_nothing(tmp_path, comment):
    cells = [Cell(f"{comment}\nimport alpha", 1, 1)]
    assert not undeclared_imports.installs(cells)
    assert certain_packages(tmp_path, f"{comment}\nimport alpha") == ["alpha"]


@pytest.mark.parametrize(
    ("adds", "below"),
    [
        ("sys.path.append('..')", "common"),
        ("sys.path.insert(0, os.path.abspath(os.path.join('..')))", "common"),
        ("sys.path += []; sys.path.append('../book')", "book/common"),
    ],
)
def test_what_a_module_below_a_folder_on_the_path_imports_is_sure(tmp_path, adds, below):
    for name in ("ch01", below):
        (tmp_path / name).mkdir(parents=True)
    # The second one is in no table, so that the path may contain it.
    (tmp_path / below / "utils.py").write_text("import tqdm, alpha\n")
    cells = [Cell(f"import sys, os\n{adds}\nfrom common.utils import load", 1, 1)]
    assert [
        (imported.package, imported.sure)
        for imported in undeclared_imports.of_notebook(cells, tmp_path / "ch01", tmp_path)
    ] == [
        ("tqdm", True),
        ("alpha", False),
    ]


def test_modules_that_a_cell_writes_count_as_the_repositorys(tmp_path):
    writes = "get_ipython().run_cell_magic('writefile', '{}', 'x = 1')"
    assert (
        packages(tmp_path, writes.format("prices.py"), writes.format("-a pack/more.py"), "import prices, pack") == set()
    )


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
    undeclared_imports.require_declared(cells, tmp_path, tmp_path, Path("model.ipynb"))


@pytest.mark.parametrize(
    "source",
    [
        "import alpha",
        "try:\n    import alpha\nfinally:\n    pass",
        "def predictor(x):\n    y = x\n    import alpha\n    return alpha.f(y)",
        "import os\nos.listdir()\nimport alpha",
    ],
)
def test_an_import_that_every_run_meets_is_sure(tmp_path, source):
    assert certain_packages(tmp_path, source) == ["alpha"]


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    import alpha",
        "if x:\n    import alpha",
        "if not x:\n    pass\nelse:\n    import alpha",
        "with suppress(ImportError):\n    import alpha",
        "def predictor(x):\n    if not x:\n        return 0\n    import alpha\n    return alpha.f(x)",
        "def predictor(x):\n    import alpha\ndef predictor(x):\n    return x",
        "@cached\ndef predictor(x):\n    import alpha",
        "get_ipython().run_line_magic('pip', 'install alpha')\nimport alpha",
        "import sys\nsys.path.append('../../company')\nimport alpha",
    ],
)
def test_an_import_that_some_runs_do_not_meet_is_reported_and_not_sure(tmp_path, source):
    assert certain_packages(tmp_path, source) == []
    assert "alpha" in packages(tmp_path, source)


def test_an_import_in_a_cell_that_may_raise_is_not_sure(tmp_path):
    cells = [Cell("import alpha", 1, 1, tags=("raises-exception",))]
    assert [imported.sure for imported in undeclared_imports.of_notebook(cells, tmp_path, tmp_path)] == [False]


def test_imports_for_type_checkers_are_none(tmp_path):
    assert (
        packages(tmp_path, "if TYPE_CHECKING:\n    import alpha", "if typing.TYPE_CHECKING:\n    import beta") == set()
    )


def test_a_path_to_modules_includes_no_package_that_is_known_by_name(tmp_path):
    assert certain_packages(tmp_path, "import sys\nsys.path.append('..')", "import yaml, alpha") == ["yaml"]


def test_modules_next_to_the_notebook_are_run_as_surely_as_they_are_imported(tmp_path):
    (tmp_path / "helper.py").write_text("from pack import tools\ndef f():\n    import beta")
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack/__init__.py").write_text("")
    (tmp_path / "pack/tools.py").write_text("from .inner import x\nfrom . import other")
    (tmp_path / "pack/inner.py").write_text("import yaml")
    (tmp_path / "pack/other.py").write_text("import PIL")
    (tmp_path / "pack/unused.py").write_text("import gamma")
    imports = imports_of(tmp_path, "def g():\n    import helper", "import helper")
    sureness = {(imported.package, str(imported.file), imported.line): imported.sure for imported in imports}
    assert sureness == {
        ("yaml", "pack/inner.py", 1): True,
        ("PIL", "pack/other.py", 1): True,
        ("beta", "helper.py", 3): False,
        ("gamma", "pack/unused.py", 1): False,
    }
    assert {imported.where("model.ipynb") for imported in imports} >= {"pack/inner.py, line 1", "helper.py, line 3"}


def test_distributions_that_share_a_first_name_are_reported_apart(tmp_path):
    assert packages(tmp_path, "from google.cloud import storage, bigquery", "import google.protobuf.message") == {
        "google.cloud.storage",
        "google.cloud.bigquery",
        "google.protobuf",
    }


def test_no_name_to_paste_is_made_up(tmp_path):
    with pytest.raises(RequirementsMissing) as rejected:
        undeclared_imports.require_declared([Cell("import acme, yaml", 1, 1)], tmp_path, tmp_path, Path("model.ipynb"))
    assert rejected.value.fix.endswith('[["<the package that provides acme>", ""], ["pyyaml", ""]]')


def test_what_only_one_place_has_is_no_requirement(tmp_path):
    with pytest.raises(ElsewhereOnly, match="line 1 needs google.colab, which only Google Colab has"):
        undeclared_imports.require_declared(
            [Cell("from google.colab import drive", 1, 1)], tmp_path, tmp_path, Path("m.ipynb")
        )


def test_what_a_cell_magic_times_is_looked_into(tmp_path):
    source = "get_ipython().run_cell_magic('time', '', 'import math\\n%matplotlib inline\\nimport alpha\\n')"
    assert [(imported.package, imported.line, imported.sure) for imported in imports_of(tmp_path, source)] == [
        ("alpha", 4, True)
    ]


@pytest.mark.parametrize(
    "source",
    ["import sys\nsys.path.append('/usr/lib/python3/dist-packages')", "!conda install -y pyyaml", "import findspark"],
)
def test_packages_of_the_machine_and_of_other_installers_are_left_to_the_run(tmp_path, source):
    assert "yaml" not in certain_packages(tmp_path, as_python(source), "import yaml")
