"""The pip that cells may call: it is alongside the environment, and its installations are noted."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from nb_builder.execute import pip_shim


class Notes:
    """A log that collects its notes."""

    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


@pytest.fixture
def installer(tmp_path):
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    environ = {"UV_NO_CACHE": "1", "UV_INDEX_URL": "https://u:secret@index.test"}
    return SimpleNamespace(python=python, venv=tmp_path / "venv", minor="3.11", environ=environ, as_of=None)


def test_pip_and_python_m_pip_are_the_real_one(installer):
    with pip_shim.offered(installer) as folder:
        by_name = subprocess.run([folder / "bin" / "pip", "--version"], env={"PYTHONPATH": str(folder)}, **CAPTURED)
        by_module = subprocess.run([sys.executable, "-m", "pip", "--version"], cwd=folder, **CAPTURED)
    assert by_name.stdout.startswith("pip 2"), by_name.stdout
    assert by_module.stdout == by_name.stdout
    assert not folder.exists()


CAPTURED = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "check": False}


def test_an_environment_with_a_pip_of_its_own_keeps_it(installer):
    (installer.venv / "bin" / "pip").touch()
    with pip_shim.offered(installer) as folder:
        assert folder is None


def test_where_no_pip_goes_with_the_python_uv_serves_with_pips_settings(installer):
    installer.minor = "3.6"
    with pip_shim.offered(installer) as folder:
        facts = json.loads((folder / "pip" / "facts.json").read_text())
        # Its index may hold a password.
        assert folder.stat().st_mode & 0o077 == 0
    assert facts["command"][1:] == ["pip"]
    assert facts["environ"]["UV_INDEX_URL"] == "https://u:secret@index.test"
    assert facts["environ"]["VIRTUAL_ENV"] == str(installer.venv)


def test_what_pip_installed_is_what_the_environment_did_not_hold_in_that_version():
    before, after = ["a==1", "b==1", "own @ file:///x"], ["a==2", "b==1", "c @ https://u:secret@h/c.whl"]
    assert pip_shim.newly_installed(before, after) == ["a==2", "c @ https://***@h/c.whl"]


def test_what_came_along_need_not_be_declared(tmp_path):
    added = ["pandas==3.1.1", "numpy==2.4.6", "typing_extensions==4.16.0"]
    assert pip_shim.to_declare(added, [], tmp_path) == added
    for name, requested in (("pandas-3.1.1", True), ("numpy-2.4.6", False), ("typing_extensions-4.16.0", False)):
        folder = tmp_path / "lib" / "python3.11" / "site-packages" / f"{name}.dist-info"
        folder.mkdir(parents=True)
        if requested:
            (folder / "REQUESTED").touch()
    assert pip_shim.to_declare(added, [], tmp_path) == ["pandas==3.1.1"]
    # A version that is declared otherwise has to be reported, whichever cell installed the new one.
    assert pip_shim.to_declare(added, ["typing-extensions==4.1"], tmp_path) == [added[0], added[2]]


def test_the_note_has_the_lines_that_requirements_lacks():
    log = Notes()
    pip_shim.note_undeclared(["a==1", "b==2"], [], log)
    pip_shim.note_undeclared([], [], log)
    lacks = "pip in the notebook's cells installed packages that 'requirements' does not list"
    assert log.notes == [lacks + '; add "a==1", "b==2".']


def test_another_version_of_what_is_declared_is_reported_as_one():
    log = Notes()
    pip_shim.note_undeclared(["scikit-learn==1.5.2", "six==1"], ["numpy==2", "scikit_learn==1.9.1"], log)
    assert log.notes[0].endswith('; add "six==1".')
    [note] = log.notes[1:]
    assert "replaced scikit_learn==1.9.1, which 'requirements' had installed" in note
    assert note.endswith('The service has "scikit-learn==1.5.2": list that version.')


def test_pip_takes_the_builder_s_date_and_keeps_no_cache_where_the_builder_has_none(installer):
    installer.as_of = SimpleNamespace(stamp="2024-01-02T00:00:00Z")
    with pip_shim.offered(installer) as folder:
        facts = json.loads((folder / "pip" / "facts.json").read_text())
    assert facts["command"][0] == str(installer.python) and facts["command"][2:] == [
        "--disable-pip-version-check",
        "--no-input",
    ]
    assert facts["environ"] == {"PIP_NO_CACHE_DIR": "1", "PIP_UPLOADED_PRIOR_TO": "2024-01-02T00:00:00Z"}
    installer.minor, installer.environ = "3.6", {"UV_OFFLINE": "1", "HOME": "/x"}
    with pip_shim.offered(installer) as folder:
        facts = json.loads((folder / "pip" / "facts.json").read_text())
        assert {path.name: path.stat().st_mode & 0o777 for path in (folder / "bin").iterdir()} == {
            "pip": 0o755,
            "pip3": 0o755,
        }
    assert facts["environ"] == {
        "UV_OFFLINE": "1",
        "UV_EXCLUDE_NEWER": "2024-01-02T00:00:00Z",
        "VIRTUAL_ENV": str(installer.venv),
    }
    installer.minor, installer.as_of, installer.environ = "3.11", None, {}
    with pip_shim.offered(installer) as folder:
        assert json.loads((folder / "pip" / "facts.json").read_text())["environ"] == {}


def test_what_pip_is_asked_reaches_it_but_for_the_user_s_folder(installer):
    with pip_shim.offered(installer) as folder:
        facts = {"command": ["/bin/echo", "asked"], "environ": {"ASKED": "1"}}
        (folder / "pip" / "facts.json").write_text(json.dumps(facts))
        environ = {"PYTHONPATH": str(folder)}
        said = [
            subprocess.run([folder / "bin" / name, "a", "--user", "b"], env=environ, **CAPTURED)
            for name in ("pip", "pip3")
        ]
    assert [ran.stdout for ran in said] == ["asked a b\n"] * 2


def test_what_was_installed_is_reported_in_order_without_digests():
    assert pip_shim.newly_installed(["a==1"], ["c @ file:///x#sha256=0", "b==1", "a==1"]) == ["b==1", "c @ file:///x"]
