import os

import pytest
from nb_builder.common import installed
from nb_builder.slim.trace import tracer

from unit.nb_builder.slim import venvs

CODE = """
from importlib import metadata
import used

def predictor(x):
    if x == "read":
        with open(used.__path__[0] + "/data.txt") as file:
            return file.read()
    if x == "plug":
        return [each.load()() for each in metadata.entry_points(group="made.up")]
    if x == "version":
        return metadata.version("asked")
    return used.double(x)

examples = [1, "read", "plug", "version"]
"""
DISTRIBUTIONS = {
    "used": {"files": {"used/__init__.py": "def double(x):\n    return 2 * x\n", "used/data.txt": "told"}},
    "plugin": {
        "files": {"plugged.py": "def call():\n    return 'plugged in'\n"},
        "entry_points": "[made.up]\none = plugged:call\n",
    },
    "asked": {"files": {"asked.py": ""}},
    "idle": {"files": {"idle.py": ""}, "entry_points": "[other]\none = idle:call\n"},
    "hook": {"files": {"start.pth": "import start_it\n", "start_it.py": ""}},
}


@pytest.fixture(scope="module")
def app_root(make_app_root):
    return make_app_root(CODE, DISTRIBUTIONS)


@pytest.fixture(scope="module")
def traced(app_root, home):
    return tracer.run(app_root, home=home)


def test_a_service_is_traced_while_it_answers_as_proved(traced):
    assert (traced.verdict.same, traced.verdict.rows, traced.complete) == (True, 4, True)
    assert traced.verdict.answers["golden row 3"] == (200, ["plugged in"])


def test_what_predictions_import_and_read_is_in_the_trace(traced, app_root):
    packages = os.path.realpath(venvs.site(app_root / "venv"))
    assert {f"{packages}/plugged.py", f"{packages}/used/data.txt"} <= tracer.with_sources(traced.files)
    assert f"{packages}/idle.py" not in traced.files


def test_a_plug_in_is_used_and_what_a_search_for_plug_ins_reads_is_not(traced, app_root):
    distributions = installed.installed(app_root / "venv")
    used = tracer.used(traced.files, distributions)
    assert {"used", "plugin", "asked", "cloudpickle"} <= used and "idle" not in used


def test_nothing_of_the_trace_is_left_behind(traced, app_root, home):
    packages = [venvs.site(app_root / "venv"), venvs.site(home / "service")]
    assert [file for folder in packages for file in folder.rglob("*slim_trace*")] == []
    # What only our own bytecode was in: an empty folder is a package to Python.
    assert [
        folder for site_packages in packages for folder in site_packages.glob("__pycache__") if not os.listdir(folder)
    ] == []


def test_a_service_that_is_not_as_proved_is_reported(make_app_root, home):
    root = make_app_root("def predictor(x):\n    return x\nexamples = [1]\n", {})
    golden = root / "model" / "golden.ndjson"
    golden.write_text(golden.read_text().replace('"answer": 1', '"answer": 2'))
    trace = tracer.run(root, home=home)
    assert not trace.verdict.same and "must give 2 and gave 1" in trace.verdict.differences[0]


def distribution(name, *files):
    return installed.Distribution(name, "1", files, 0, False)


def test_who_reads_all_metadata_only_searches():
    distributions = (
        distribution("a", "/s/a.py", "/s/a.dist-info/METADATA"),
        distribution("b", "/s/b.dist-info/METADATA"),
    )
    assert tracer.used(["/s/a.dist-info/METADATA"], distributions) == {"a"}
    assert tracer.used([file for distribution in distributions for file in distribution.files], distributions) == {"a"}


def test_sources_and_bytecode_count_as_one(tmp_path):
    (tmp_path / "__pycache__").mkdir()
    source, compiled = tmp_path / "a.py", tmp_path / "__pycache__" / "a.cpython-311.pyc"
    compiled.write_bytes(b"")
    assert tracer.with_sources([str(compiled)]) == {str(source), str(compiled)}
    assert tracer.with_sources(["/s/__pycache__/a.cpython-311.opt-1.pyc", "/s/b.pyc"]) >= {"/s/a.py", "/s/b.py"}
    assert tracer.with_sources([f"{tmp_path}/b.pyc"]) == {f"{tmp_path}/b.pyc", f"{tmp_path}/b.py"}
    assert tracer.with_sources([str(source)]) == {str(source), str(compiled)}
