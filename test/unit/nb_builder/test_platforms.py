"""What only Colab, Kaggle, Databricks, Windows or the like have: left out, refused, or left alone."""

import io

import pytest
from nb_builder import platforms
from nb_builder.common.log import Log
from nb_builder.rewrite.scripts import author_cells
from nbformat.v4 import new_code_cell, new_notebook

DATABRICKS = {"application/vnd.databricks.v1+notebook": {}}


def outcome(tmp_path, *sources, metadata=None):
    """Return (sources after what can be left out is, what is then refused)."""
    node = new_notebook(cells=[new_code_cell(source) for source in sources], metadata=metadata or {})
    node = platforms.without_setup(node, "a.ipynb", tmp_path, Log(io.StringIO()))
    problems = list(platforms.findings(node, author_cells(node), "a.ipynb", tmp_path))
    return [cell.source for cell in node.cells], [(problem.facts["thing"], problem.line) for problem in problems]


@pytest.mark.parametrize(
    ("source", "left"),
    [
        (
            "from google.colab import drive\ndrive.mount('/d')\nx = 1",
            "# from google.colab import drive\n# drive.mount('/d')\nx = 1",
        ),
        ("import google.colab.output as o\no.enable()", "# import google.colab.output as o\n# o.enable()"),
        (
            "from google.colab import drive\ndrive.mount(\n 'a'\n)",
            "# from google.colab import drive\n# drive.mount(\n#  'a'\n# )",
        ),
        ("%load_ext google.colab.data_table\nx = 1", "# %load_ext google.colab.data_table\nx = 1"),
        ("%tensorflow_version 2.x", "# %tensorflow_version 2.x"),
        ("import win32api\nx = 1", "# import win32api\nx = 1"),
    ],
)
def test_what_only_prepares_colab_is_left_out_line_by_line(tmp_path, source, left):
    assert outcome(tmp_path, source) == ([left], [])


@pytest.mark.parametrize(
    ("sources", "rejected"),
    [
        (["from google.colab import files\nf = files.upload()"], [("google.colab.files.upload", 2)]),
        (
            ["from google.colab import drive, files\ndrive.mount('/d')\nf = files.upload()"],
            [("google.colab.files.upload", 3)],
        ),
        (["import google.colab as c", "c.userdata.get('X')"], [("google.colab.userdata.get", 1)]),
        (["from google.colab import drive\nif x:\n    drive.mount('/')"], [("google.colab.drive", 1)]),
        (
            ["from kaggle_secrets import UserSecretsClient as C\nk = C().get_secret('A')"],
            [("kaggle_secrets.UserSecretsClient", 2)],
        ),
        (["import win32com.client as w\napp = w.Dispatch('Excel')"], [("win32com.client.Dispatch", 2)]),
        (["import arcpy", "def f():\n    return arcpy.Buffer()"], [("arcpy", 1)]),
        (["pd.read_csv('/kaggle/input/a/b.csv')"], [("/kaggle/input/a/b.csv", 1)]),
        (["x = json.load(open('/content/drive/MyDrive/x.json'))"], [("/content/drive/MyDrive/x.json", 1)]),
    ],
)
def test_what_a_notebook_surely_needs_of_another_place_is_rejected_with_its_line(tmp_path, sources, rejected):
    assert outcome(tmp_path, *sources)[1] == rejected


@pytest.mark.parametrize(
    "source",
    [
        "import sys\nif 'google.colab' in sys.modules:\n    from google.colab import drive\n    drive.mount('/d')",
        "try:\n    import google.colab\nexcept ImportError:\n    pass",
        "from google.cloud import storage\nclient = storage.Client()",
        "path = '/kaggle/input/a.csv' if here else 'a.csv'",
        "df.to_csv('/content/a.csv')\npd.read_csv('/content/a.csv')",
        "!mkdir -p /content && wget -O /content/a.csv x\npd.read_csv('/content/a.csv')",
        "open('/content/a.txt', 'w')",
        "spark = make()\nspark.table('a')",
        "%%capture\nimport scanpy as sc",
        "sc.read('a.h5')",
        "best = [sc for sc in scores]",
        "%load_ext sql\n%sql SELECT 1",
        "def load():\n    return pd.read_csv('/kaggle/input/a.csv')",
    ],
)
def test_what_may_work_here_is_left_alone(tmp_path, source):
    assert outcome(tmp_path, source) == ([source], [])


@pytest.mark.parametrize(
    ("source", "rejected"),
    [
        ("df = spark.table('a')", [("spark.table", 1)]),
        ("%sql SELECT 1", [("%sql", 1)]),
        ("n = dbutils.widgets.get('n')", [("dbutils.widgets.get", 1)]),
        ("spark = make()\nspark.table('a')", []),
        ("best = [sc for sc in scores]", []),
        ("dbutils.library.restartPython()", []),
    ],
)
def test_names_and_magics_of_databricks_count_in_its_own_notebooks(tmp_path, source, rejected):
    assert outcome(tmp_path, source, metadata=DATABRICKS)[1] == rejected


def test_a_file_that_the_repository_has_is_named(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "b.csv").touch()
    node = new_notebook(cells=[new_code_cell("pd.read_csv('/kaggle/input/a/b.csv')")])
    (finding,) = platforms.findings(node, author_cells(node), "a.ipynb", tmp_path)
    assert finding.fix == "Read 'data/b.csv' instead, which is in the repository, then build again."
    assert finding.what.startswith("Cell [1] of a.ipynb (cell 1 of the file), line 1 needs /kaggle/input/a/b.csv")


@pytest.mark.parametrize("path", ["lib/win32api.py", "stubs/win32api/__init__.py"])
def test_a_module_that_the_repository_has_itself_is_no_worlds(tmp_path, path):
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).touch()
    source = "import win32api\nwin32api.GetUserName()"
    assert outcome(tmp_path, source) == ([source], [])
