"""Builds whose Python is not installed: it is downloaded from a mirror on this machine."""

import zipfile
from dataclasses import replace

import pytest

import pythons
from cases import named
from flow import stage

SOURCE = "3.12"
INSTALLED = pythons.installed()
needs_source = pytest.mark.skipif(SOURCE not in INSTALLED, reason=f"needs Python {SOURCE} to make an archive of")
CELLS = (
    'requirements = [["nbtestalpha", "1.0"]]',
    "import sys, nbtestalpha\nanswer = nbtestalpha.factor * sys.version_info[1]",
    "def predictor(x):\n    return x * answer\nexamples = [2]",
)


@pytest.fixture
def machine(tmp_path):
    """Variables of a machine that has the builder's own Python only, and a package for Python 3.12 alone."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / f"nbtestalpha-1.0-cp{SOURCE.replace('.', '')}-none-any.whl", "w") as wheel:
        info = "nbtestalpha-1.0.dist-info"
        wheel.writestr("nbtestalpha.py", "factor = 2\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: nbtestalpha\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: cp312-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return {
        "HOME": str(tmp_path / "home"),
        "PYENV_ROOT": str(tmp_path / "no-pyenv"),
        "PATH": "/usr/bin:/bin",
        "PIP_FIND_LINKS": str(wheels),
        "UV_PYTHON_INSTALL_DIR": str(tmp_path / "app-root/python"),
        "UV_HTTP_RETRIES": "0",
    }


def mirror(tmp_path):
    """Return the variable for a mirror with Python 3.12."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    python = INSTALLED[SOURCE]
    archive = pythons.of_installation(folder / "python.tar.gz", python.path.resolve().parents[1], SOURCE)
    catalog = pythons.catalog(folder / "catalog.json", {python.full: archive}, folder.as_uri())
    return {"UV_PYTHON_DOWNLOADS_JSON_URL": catalog}


@needs_source
def test_the_packages_choose_a_python_that_is_downloaded(machine, tmp_path):
    variables = {**machine, **mirror(tmp_path), "S2I_PYTHON_DOWNLOADS": "auto"}
    build, env = stage.build_of(tmp_path, *CELLS, **variables)
    assert build.status == 0, build.stdout
    assert f"downloading Python {SOURCE} into {tmp_path}/app-root/python" in build.stdout
    assert f"the build uses Python {SOURCE} instead, for which all of them have wheels." in build.stdout
    assert "golden row" in build.stdout
    python = (build.app_root / "venv/bin/python").resolve()
    assert python.is_relative_to(build.app_root / "python")
    # Neither an overlay in the repository's copy nor what uv leaves.
    assert not (build.app_root / "src/.cache").exists()
    assert [path.name for path in (build.app_root / "python").iterdir()] == [python.parents[1].name]
    # On a read-only disk, the service would compile its imports at each start, so the build compiles exactly these.
    library = python.parents[1] / "lib"
    compiled = set(library.rglob("*.pyc"))
    assert 100 < len(compiled) < len(list(library.rglob("*.py"))) / 2
    with stage.running(env):
        assert set(library.rglob("*.pyc")) == compiled


@needs_source
def test_a_mirror_that_is_away_is_repeated_where_the_installation_fails(machine, tmp_path):
    variables = {**machine, "UV_PYTHON_DOWNLOADS_JSON_URL": "http://127.0.0.1:9/x.json", "S2I_PYTHON_DOWNLOADS": "auto"}
    repo_file = {"S2I_PYTHON": ""}
    build, _ = stage.build_of(tmp_path, "# runtime\n" + CELLS[0], *CELLS[1:], **variables, **repo_file)
    assert build.status != 0
    assert (
        "the packages have wheels for Python 3.12, which is not installed and could not be downloaded" in build.stdout
    )
    assert "127.0.0.1:9: Connection refused" in build.stdout
    assert "(problem version-missing)" in build.stdout


def build_with(folder, files, disk="", **env):
    """Build the three cells with more files next to the notebook."""
    repo = folder / "repo"
    (repo / ".s2i").mkdir(parents=True)
    # Its requires-python counts where it names the packages.
    cells = CELLS[1:] if "pyproject.toml" in files else CELLS
    (repo / "model.py").write_text("".join(f"# %%\n{cell}\n" for cell in cells))
    for name, text in files.items():
        (repo / name).write_text(text)
    build, _ = stage.assemble(replace(named("ok-pure-python"), repo=repo, env=env, disk=disk), folder)
    return build


PYPROJECT = f"""\
[project]
name = "model"
version = "1"
requires-python = "=={SOURCE}.*"
dependencies = ["nbtestalpha==1.0"]
"""


@needs_source
@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".python-version", f"{SOURCE}\n"),
        ("pyproject.toml", PYPROJECT),
        (".s2i/environment", f"S2I_PYTHON={SOURCE}\n"),
    ],
)
def test_whatever_names_the_python_has_it_downloaded(machine, tmp_path, name, text):
    build = build_with(tmp_path, {name: text}, **machine, **mirror(tmp_path), S2I_PYTHON_DOWNLOADS="auto")
    assert build.status == 0, build.stdout
    assert f"downloading Python {SOURCE} into {tmp_path}/app-root/python" in build.stdout
    assert f"model.py, with Python {SOURCE}" in build.stdout


@needs_source
def test_a_disk_that_is_too_small_for_it_is_the_reason(machine, tmp_path):
    files = {".python-version": f"{SOURCE}\n"}
    variables = {**machine, **mirror(tmp_path), "S2I_PYTHON_DOWNLOADS": "auto"}
    build = build_with(tmp_path, files, "8m", **variables)
    assert build.status != 0
    note = f".python-version asks for Python {SOURCE}, which is not installed and could not be downloaded ("
    assert note in build.stdout, build.stdout
    assert "No space left on device" in build.stdout
