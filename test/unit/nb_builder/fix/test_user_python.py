"""Which Python is asked for versions."""

import io
import json
import sys
from pathlib import Path

import pytest
from nb_builder.common.log import Log
from nb_builder.fix import user_python
from nb_builder.fix.problems import PythonUnusable
from nbformat.v4 import new_notebook


@pytest.fixture
def kernel(tmp_path):
    """Return a folder of Jupyter's data with a kernel `mine`."""
    folder = tmp_path / "share" / "jupyter" / "kernels" / "mine"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps({"argv": [sys.executable, "-m", "ipykernel_launcher"]}))
    return tmp_path / "share"


def environment(folder):
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    return python


def chosen(named=None, kernel="", **environ):
    log = Log(io.StringIO())
    node = new_notebook(metadata={"kernelspec": {"name": kernel, "display_name": ""}} if kernel else {})
    return user_python.choose(named, node, environ, log), log.stream.getvalue()


def test_the_active_environment_goes_before_the_kernel_and_the_path(tmp_path, kernel):
    python = environment(tmp_path / "venv")
    other = environment(tmp_path / "other")
    (other.parent / "python3").symlink_to(sys.executable)
    path, data = str(other.parent), str(kernel)
    assert chosen(kernel="mine", VIRTUAL_ENV=str(tmp_path / "venv"), XDG_DATA_HOME=data, PATH=path)[0] == python
    assert chosen(kernel="mine", XDG_DATA_HOME=data, PATH=path)[0] == Path(sys.executable)
    assert chosen(kernel="mine", JUPYTER_PATH=str(kernel / "jupyter"), HOME="/nowhere")[0] == Path(sys.executable)
    assert chosen(kernel="theirs", XDG_DATA_HOME=data, PATH=path)[0] == other.parent / "python3"


def test_the_one_that_is_named_goes_before_all(tmp_path):
    python = environment(tmp_path / "venv")
    active = str(tmp_path / "none")
    assert chosen(str(tmp_path / "venv"), VIRTUAL_ENV=active)[0] == python
    assert chosen(str(python), VIRTUAL_ENV=active)[0] == python
    assert chosen("python", VIRTUAL_ENV=active, PATH=str(python.parent))[0] == python


def test_an_environment_without_a_python_is_reported(tmp_path):
    python = environment(tmp_path / "venv").parent / "python3"
    python.symlink_to(sys.executable)
    found, reported = chosen(VIRTUAL_ENV=str(tmp_path), PATH=str(python.parent))
    assert (found, reported) == (python, f"     note: the active virtual environment {tmp_path} has no Python.\n")


@pytest.mark.parametrize("named", ["nosuch", "/etc", "/etc/passwd", None])
def test_what_is_no_python_is_rejected(named):
    with pytest.raises(PythonUnusable):
        chosen(named, PATH="/nowhere")
