import json
import os
import subprocess
import sys

import pytest
from nb_service import problems
from nb_spark import prepare

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def folder(tmp_path):
    """Return an archive as it is unpacked: without links, rights and empty folders."""
    packages = tmp_path / f"app-root/venv/lib/python{MINOR}/site-packages"
    packages.mkdir(parents=True)
    (packages / "fine.py").write_text("x = 1\n")
    (packages / "tool").write_text("#!/bin/sh\necho done\n")
    _manifest(tmp_path)
    return tmp_path


def _manifest(folder, **more):
    packages = f"app-root/venv/lib/python{MINOR}/site-packages"
    reported = {
        "format": 1,
        "python": MINOR,
        "interpreter": "",
        "links": {"app-root/venv/lib64": "lib", f"{packages}/again.py": "fine.py"},
        "executables": [f"{packages}/tool"],
        "folders": ["app-root/src/empty"],
        **more,
    }
    (folder / "nb-spark.json").write_text(json.dumps(reported))


def test_the_environment_works_where_it_lies(folder):
    app_root = prepare.prepare(str(folder))
    program = "import fine, again, sys; print(fine.x, again.x, sys.prefix)"
    ran = subprocess.run([f"{app_root}/venv/bin/python", "-I", "-c", program], capture_output=True, text=True)
    assert ran.stdout.split() == ["1", "1", f"{app_root}/venv"], ran.stderr
    tool = folder / f"app-root/venv/lib64/python{MINOR}/site-packages/tool"
    assert subprocess.run([tool], capture_output=True).stdout == b"done\n"
    assert (folder / "app-root/src/empty").is_dir()


def test_it_is_prepared_once(folder, monkeypatch):
    prepare.prepare(str(folder))
    monkeypatch.setattr(prepare, "_prepare", None)
    assert prepare.prepare(str(folder)) == str(folder / "app-root")


def test_one_that_was_interrupted_is_prepared_again(folder, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(prepare, "_make_venv", fail)
        with pytest.raises(problems.SparkArchive, match="No space left on device"):
            prepare.prepare(str(folder))
    prepare.prepare(str(folder))
    assert os.path.exists(folder / "app-root/venv/bin/python")


def test_the_archive_s_own_python_comes_first(tmp_path):
    own = tmp_path / "python"
    own.write_text(f"#!/bin/sh\necho {MINOR}\n")
    own.chmod(0o755)
    assert prepare.python_of(MINOR, str(own)) == str(own)


def test_one_that_does_not_run_here_is_passed_over(tmp_path):
    own = tmp_path / "python"
    own.write_text("#!/nowhere/python\n")
    own.chmod(0o755)
    assert prepare.python_of(MINOR, str(own)) == os.path.realpath(sys.executable)


def test_a_python_of_the_version_is_found_on_path(tmp_path, monkeypatch):
    python = tmp_path / "python3.6"
    python.write_text("#!/bin/sh\necho 3.6\n")
    python.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert prepare.python_of("3.6", "") == str(python)


def test_where_none_is_the_version_and_what_was_tried_are_said(folder):
    _manifest(folder, python="3.99")
    with pytest.raises(problems.SparkPython) as rejected:
        prepare.prepare(str(folder))
    assert rejected.value.what == "The model needs Python 3.99, which is not installed on this executor."
    assert os.path.realpath(sys.executable) in rejected.value.why
