"""Files that the builder image leaves out of our environments, and bytecode that is stored once."""

import importlib
import os
import sys

import pytest
from nb_builder import image_trim
from nb_builder.slim.elf import strip

TAG = sys.implementation.cache_tag


@pytest.fixture
def home(tmp_path):
    """Return a folder with a package in two environments, hard-linked as uv's cache does."""
    put(tmp_path, "build/lib/site-packages/pack/__init__.py", "def where():\n    raise ValueError('here')\n")
    (tmp_path / "overlay/pack").mkdir(parents=True)
    os.link(tmp_path / "build/lib/site-packages/pack/__init__.py", tmp_path / "overlay/pack/__init__.py")
    return tmp_path


def put(home, name, text=""):
    (home / name).parent.mkdir(parents=True, exist_ok=True)
    (home / name).write_text(text)
    return home / name


def compiled(folder, name="__init__"):
    return folder / "__pycache__" / f"{name}.{TAG}.pyc"


@pytest.mark.parametrize(
    "name",
    [
        "build/lib/site-packages/virtualenv/seed/wheels/embed/setuptools-84.2.1-py3-none-any.whl",
        "build/lib/site-packages/tornado/test/web_test.py",
        "build/lib/site-packages/jsonschema/tests/__init__.py",
        "overlay/3.11/zmq/utils/zmq_compat.h",
        "build/lib/site-packages/uv-0.13.8.dist-info/sboms/uv.cyclonedx.json",
        "build/bin/uvx",
        "build/share/jupyter/nbconvert/templates/lab/static/index.css",
    ],
)
def test_what_nothing_reads_is_gone_with_its_empty_folder(home, name):
    gone = put(home, name)
    image_trim.lean(home)
    assert not gone.exists()
    assert [folder for folder, inner, files in os.walk(home) if not inner and not files] == []


@pytest.mark.parametrize(
    "name",
    [
        "build/lib/site-packages/virtualenv/seed/wheels/embed/pip-26.3-py3-none-any.whl",
        "build/lib/site-packages/tornado/testing.py",
        "build/lib/site-packages/tornado-6.dist-info/licenses/LICENSE",
        "build/bin/uv",
    ],
)
def test_what_a_build_needs_and_licences_stay(home, name):
    file = put(home, name)
    image_trim.lean(home)
    assert file.exists()


def test_one_module_in_two_environments_has_one_bytecode(home):
    image_trim.lean(home)
    first, second = compiled(home / "build/lib/site-packages/pack"), compiled(home / "overlay/pack")
    assert first.stat().st_ino == second.stat().st_ino
    assert first.stat().st_nlink == 2


def test_the_bytecode_is_valid_next_to_each_name_and_reports_the_path_that_it_was_imported_by(home, monkeypatch):
    image_trim.lean(home)
    before = compiled(home / "overlay/pack").stat().st_mtime_ns
    monkeypatch.syspath_prepend(str(home / "overlay"))
    module = importlib.import_module("pack")
    monkeypatch.delitem(sys.modules, "pack")
    with pytest.raises(ValueError, match="here") as caught:
        module.where()
    assert caught.traceback[-1].path == home / "overlay/pack/__init__.py"
    assert compiled(home / "overlay/pack").stat().st_mtime_ns == before


def test_modules_that_differ_keep_their_own_bytecode(home):
    put(home, "overlay/other/__init__.py", "")
    image_trim.lean(home)
    assert compiled(home / "overlay/other").stat().st_nlink == 1


def test_what_no_build_imports_stays_as_source_alone(home):
    lexers = home / "overlay/pygments/lexers"
    for name in ("php.py", "python.py", "_mapping.py", "ada.py"):
        put(home, f"overlay/pygments/lexers/{name}")
    image_trim.lean(home)
    assert sorted(path.name for path in lexers.glob("*.py")) == ["_mapping.py", "ada.py", "php.py", "python.py"]
    assert sorted(path.name for path in lexers.glob("*/*.pyc")) == [f"_mapping.{TAG}.pyc", f"python.{TAG}.pyc"]


def test_a_module_that_does_not_compile_stays(home):
    broken = put(home, "build/lib/site-packages/template.py", "{{ not python }}\n")
    image_trim.lean(home)
    assert broken.exists()


def test_shared_objects_are_stripped_and_remain_one_file_in_both_environments(home, monkeypatch):
    library = put(home, "build/lib/site-packages/pack/fast.cpython-313-x86_64-linux-gnu.so", "loaded, symbols")
    twin = home / "overlay/pack" / library.name
    os.link(library, twin)
    data = put(home, "build/lib/site-packages/pack/data.bin", "loaded, symbols")
    monkeypatch.setattr(strip, "stripped", lambda content: content.partition(b",")[0])
    image_trim.lean(home)
    assert (twin.read_text(), data.read_text()) == ("loaded", "loaded, symbols")
    assert twin.samefile(library)
