"""Bytecode: for every module, reproducible, never compared with a source at run time."""

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from nb_builder.slim.rootfs import bytecode
from nb_builder.slim.tree import Tree

PYTHON = Path(sys.executable)


@pytest.fixture
def package(tmp_path):
    """Return (tree, folder): a package in a folder of the image that was carried to the tree."""
    image, tree = tmp_path / "lib", Tree(tmp_path / "tree")
    (image / "one").mkdir(parents=True)
    (image / "one/__init__.py").write_text("words = {'b', 'a', 'c'}\n")
    (image / "one/bad.py").write_text("{{ a template }} is no Python\n")
    tree.carry_all(image)
    return tree, str(image)


def convert(package, *, keep_sources=False, docstrings=True):
    """Compile and return the number of modules."""
    tree, folder = package
    return bytecode.convert(tree, PYTHON, [folder], keep_sources=keep_sources, date=1_000_000, docstrings=docstrings)


def test_bytecode_takes_the_place_of_sources_and_what_is_no_python_stays(package):
    assert convert(package) == 1
    tree, folder = package
    assert tree.files() == [f"{folder}/one/__init__.pyc", f"{folder}/one/bad.py"]


def test_a_module_without_its_source_can_be_imported_and_has_its_place_in_the_image_as_its_name(package):
    convert(package)
    tree, folder = package
    code = "import one; print(sorted(one.words), one.__spec__.loader.get_code('one').co_filename)"
    process = subprocess.run([PYTHON, "-c", code], cwd=tree.at(folder), capture_output=True, text=True, check=True)
    assert process.stdout == f"['a', 'b', 'c'] {folder}/one/__init__.py\n"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="bytecode of older Pythons has no columns")
@pytest.mark.parametrize(("keep_sources", "has_columns"), [(False, False), (True, True)])
def test_columns_go_with_the_sources_that_they_point_into_and_lines_stay(package, keep_sources, has_columns):
    convert(package, keep_sources=keep_sources, docstrings=False)
    tree, folder = package
    code = "import one; print(list(one.__spec__.loader.get_code('one').co_positions())[-1])"
    process = subprocess.run([PYTHON, "-Bc", code], cwd=tree.at(folder), capture_output=True, text=True, check=True)
    line, _, column, _ = ast.literal_eval(process.stdout)
    assert line == 1
    assert (column is not None) == has_columns


def test_with_sources_kept_bytecode_lies_next_to_them_and_is_never_compared(package):
    convert(package, keep_sources=True)
    tree, folder = package
    source = tree.at(f"{folder}/one/__init__.py")
    source.write_text("words = 'changed afterwards'\n")
    code = "import one; print(sorted(one.words))"
    process = subprocess.run([PYTHON, "-Bc", code], cwd=tree.at(folder), capture_output=True, text=True, check=True)
    assert process.stdout == "['a', 'b', 'c']\n"


def test_two_runs_make_the_same_bytes(package, tmp_path):
    convert(package)
    first = package[0].at(f"{package[1]}/one/__init__.pyc").read_bytes()
    other = Tree(tmp_path / "other")
    other.carry_all(package[1])
    bytecode.convert(other, PYTHON, [package[1]], keep_sources=False, date=1_000_000)
    assert other.at(f"{package[1]}/one/__init__.pyc").read_bytes() == first


def test_bytecode_that_the_image_has_is_taken_over_if_it_fits_its_source(package):
    tree, folder = package
    source = Path(folder, "one/__init__.py")
    cache = Path(importlib.util.cache_from_source(str(source)))
    cache.parent.mkdir()
    status = os.stat(source)
    stamp = b"\0" * 4 + int(status.st_mtime).to_bytes(4, "little") + status.st_size.to_bytes(4, "little")
    cache.write_bytes(importlib.util.MAGIC_NUMBER + stamp + b"code of the image")
    convert(package)
    assert tree.at(f"{folder}/one/__init__.pyc").read_bytes().endswith(b"code of the image")
    source.write_text("words = 'a source that is newer than its bytecode'\n")
    other = Tree(tree.root.parent / "other")
    other.carry_all(folder, lambda path: "__pycache__" not in path)
    bytecode.convert(other, PYTHON, [folder], keep_sources=False, date=1_000_000)
    assert b"newer than" in other.at(f"{folder}/one/__init__.pyc").read_bytes()


def test_bytecode_that_came_along_is_replaced(package):
    tree, folder = package
    tree.write(f"{folder}/one/__pycache__/left.cpython-36.pyc", "of another Python")
    convert(package)
    assert not tree.holds(f"{folder}/one/__pycache__")


def test_a_full_disk_is_reported_apart_from_what_else_goes_wrong(package, monkeypatch):
    for stderr, error_type in (("OSError: [Errno 28] No space left on device", OSError), ("Killed", RuntimeError)):
        process = subprocess.CompletedProcess([], 1, "", stderr)
        monkeypatch.setattr(subprocess, "run", lambda *args, process=process, **options: process)
        with pytest.raises(error_type, match="No space left|ended with 1"):
            convert(package)


def test_a_package_that_asserts_something_of_docstrings_keeps_its_own(package):
    tree, folder = package
    files = {
        "site-packages/num/ma/core.py": "from num import f\n\nassert f.__doc__ is None or 'array' in f.__doc__\n",
        "site-packages/num/__init__.py": "def f():\n    'an array'\n",
        "site-packages/other/__init__.py": "def f():\n    'an array'\n# We assert nothing of __doc__\n",
    }
    for name, text in files.items():
        tree.write(f"{folder}/{name}", text)
    convert(package, docstrings=False)
    code = "import num.ma.core, other; print([num.f.__doc__, other.f.__doc__])"
    site_packages = tree.at(f"{folder}/site-packages")
    assert (
        subprocess.run([PYTHON, "-c", code], cwd=site_packages, capture_output=True, text=True).stdout
        == "['an array', '']\n"
    )
