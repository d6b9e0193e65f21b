"""Bytecode: of every module, the same each time, never compared with a source at run time."""

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
def made(tmp_path):
    """Return (tree, folder): a package in a folder that is in the image and in the tree."""
    image, tree = tmp_path / "lib", Tree(tmp_path / "tree")
    (image / "one").mkdir(parents=True)
    (image / "one/__init__.py").write_text("words = {'b', 'a', 'c'}\n")
    (image / "one/bad.py").write_text("{{ a template }} is no Python\n")
    tree.carry_all(image)
    return tree, str(image)


def convert(made, *, keep_sources=False, docstrings=True):
    """Compile and return the number of modules."""
    tree, folder = made
    return bytecode.convert(tree, PYTHON, [folder], keep_sources=keep_sources, date=1_000_000, docstrings=docstrings)


def test_bytecode_takes_the_place_of_sources_and_what_is_no_python_stays(made):
    assert convert(made) == 1
    tree, folder = made
    assert tree.files() == [f"{folder}/one/__init__.pyc", f"{folder}/one/bad.py"]


def test_a_module_without_its_source_can_be_imported_and_has_its_place_in_the_image_as_its_name(made):
    convert(made)
    tree, folder = made
    code = "import one; print(sorted(one.words), one.__spec__.loader.get_code('one').co_filename)"
    told = subprocess.run([PYTHON, "-c", code], cwd=tree.at(folder), capture_output=True, text=True, check=True)
    assert told.stdout == f"['a', 'b', 'c'] {folder}/one/__init__.py\n"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="bytecode of older Pythons has no columns")
@pytest.mark.parametrize(("keep_sources", "has_columns"), [(False, False), (True, True)])
def test_columns_go_with_the_sources_that_they_point_into_and_lines_stay(made, keep_sources, has_columns):
    convert(made, keep_sources=keep_sources, docstrings=False)
    tree, folder = made
    code = "import one; print(list(one.__spec__.loader.get_code('one').co_positions())[-1])"
    told = subprocess.run([PYTHON, "-Bc", code], cwd=tree.at(folder), capture_output=True, text=True, check=True)
    line, _, column, _ = ast.literal_eval(told.stdout)
    assert line == 1
    assert (column is not None) == has_columns


def test_with_sources_kept_bytecode_lies_beside_them_and_is_never_compared(made):
    convert(made, keep_sources=True)
    tree, folder = made
    source = tree.at(f"{folder}/one/__init__.py")
    source.write_text("words = 'changed afterwards'\n")
    code = "import one; print(sorted(one.words))"
    told = subprocess.run([PYTHON, "-Bc", code], cwd=tree.at(folder), capture_output=True, text=True, check=True)
    assert told.stdout == "['a', 'b', 'c']\n"


def test_two_runs_make_the_same_bytes(made, tmp_path):
    convert(made)
    first = made[0].at(f"{made[1]}/one/__init__.pyc").read_bytes()
    other = Tree(tmp_path / "other")
    other.carry_all(made[1])
    bytecode.convert(other, PYTHON, [made[1]], keep_sources=False, date=1_000_000)
    assert other.at(f"{made[1]}/one/__init__.pyc").read_bytes() == first


def test_bytecode_that_the_image_has_is_taken_over_if_it_fits_its_source(made):
    tree, folder = made
    source = Path(folder, "one/__init__.py")
    cache = Path(importlib.util.cache_from_source(str(source)))
    cache.parent.mkdir()
    told = os.stat(source)
    stamp = b"\0" * 4 + int(told.st_mtime).to_bytes(4, "little") + told.st_size.to_bytes(4, "little")
    cache.write_bytes(importlib.util.MAGIC_NUMBER + stamp + b"code of the image")
    convert(made)
    assert tree.at(f"{folder}/one/__init__.pyc").read_bytes().endswith(b"code of the image")
    source.write_text("words = 'a source that is newer than its bytecode'\n")
    other = Tree(tree.root.parent / "other")
    other.carry_all(folder, lambda path: "__pycache__" not in path)
    bytecode.convert(other, PYTHON, [folder], keep_sources=False, date=1_000_000)
    assert b"newer than" in other.at(f"{folder}/one/__init__.pyc").read_bytes()


def test_bytecode_that_came_along_is_replaced(made):
    tree, folder = made
    tree.write(f"{folder}/one/__pycache__/left.cpython-36.pyc", "of another Python")
    convert(made)
    assert not tree.holds(f"{folder}/one/__pycache__")


def test_a_full_disk_is_told_apart_from_what_else_goes_wrong(made, monkeypatch):
    for said, kind in (("OSError: [Errno 28] No space left on device", OSError), ("Killed", RuntimeError)):
        ran = subprocess.CompletedProcess([], 1, "", said)
        monkeypatch.setattr(bytecode.subprocess, "run", lambda *args, ran=ran, **more: ran)
        with pytest.raises(kind, match="No space left|ended with 1"):
            convert(made)


def test_a_package_that_asserts_something_of_docstrings_keeps_its_own(made):
    tree, folder = made
    files = {
        "site-packages/num/ma/core.py": "from num import f\n\nassert f.__doc__ is None or 'array' in f.__doc__\n",
        "site-packages/num/__init__.py": "def f():\n    'an array'\n",
        "site-packages/other/__init__.py": "def f():\n    'an array'\n# We assert nothing of __doc__\n",
    }
    for name, text in files.items():
        tree.write(f"{folder}/{name}", text)
    convert(made, docstrings=False)
    code = "import num.ma.core, other; print([num.f.__doc__, other.f.__doc__])"
    place = tree.at(f"{folder}/site-packages")
    assert (
        subprocess.run([PYTHON, "-c", code], cwd=place, capture_output=True, text=True).stdout == "['an array', '']\n"
    )
