"""Duplicate libraries become links."""

import os
import subprocess

import pytest
from nb_builder.slim.elf import dedupe, headers
from nb_builder.slim.tree import Tree

from engine import provide

TEXT = "x" * dedupe.MIN_SIZE


def test_a_second_one_of_the_same_name_and_content_becomes_a_link(tmp_path):
    tree = Tree(tmp_path)
    tree.write("/site/a.libs/libgfortran.so.5", TEXT)
    tree.write("/site/b.libs/libgfortran.so.5", TEXT)
    assert dedupe.link(tree, tree.files()) == len(TEXT)
    assert os.readlink(tree.at("/site/b.libs/libgfortran.so.5")) == "../a.libs/libgfortran.so.5"
    assert tree.at("/site/b.libs/libgfortran.so.5").read_text() == TEXT


def test_another_name_another_content_or_a_small_one_stays(tmp_path):
    tree = Tree(tmp_path)
    tree.write("/a/lib.so", TEXT)
    tree.write("/b/lib.so", TEXT + "more")
    tree.write("/b/other.so", TEXT)
    tree.write("/a/small.so", "x")
    tree.write("/b/small.so", "x")
    assert dedupe.link(tree, tree.files()) == 0


@pytest.fixture
def tree(tmp_path):
    """Return a tree with two empty folders, as auditwheel makes them for two packages."""
    tree = Tree(tmp_path)
    tree.folder("/site/a.libs")
    tree.folder("/site/b.libs")
    return tree


def compile_to(tree, path, code, *options):
    gcc = provide.program("gcc", "gcc", "libc6-dev")
    command = [gcc, "-shared", "-fPIC", "-Wl,--build-id", "-x", "c", "-", "-x", "none", *options]
    subprocess.run([*command, "-o", str(tree.at(path))], input=code.encode(), check=True)


LARGE = "const char much[200000] = {1}; int one(void) { return much[7]; }"


def renamed(tree, path, old, new):
    """Return the library at `path` as a tool that changes a name in it leaves it: same length, same build id."""
    data = tree.at(path).read_bytes()
    assert data.count(old) == 1 and len(old) == len(new)
    return data.replace(old, new)


def test_libraries_of_one_run_of_a_linker_are_one_whatever_they_were_called_since(tree):
    compile_to(tree, "/site/a.libs/liba-1111.so.1", LARGE, "-Wl,-soname,liba-1111.so.1")
    other = renamed(tree, "/site/a.libs/liba-1111.so.1", b"liba-1111.so.1", b"liba-2222.so.1")
    tree.at("/site/b.libs/liba-2222.so.1").write_bytes(other)
    size = len(other)
    assert dedupe.link(tree, tree.files()) == size
    assert os.readlink(tree.at("/site/b.libs/liba-2222.so.1")) == "../a.libs/liba-1111.so.1"


def test_other_code_stays_whatever_its_build_id_says(tree):
    compile_to(tree, "/site/a.libs/liba.so.1", LARGE)
    data = bytearray(tree.at("/site/a.libs/liba.so.1").read_bytes())
    code_offset = data.index(headers.program_of(bytes(data))[1])
    data[code_offset] ^= 1
    tree.at("/site/b.libs/libb.so.1").write_bytes(bytes(data))
    assert dedupe.link(tree, tree.files()) == 0


def test_a_library_stays_where_its_twin_would_not_find_what_it_needs(tree):
    compile_to(tree, "/site/a.libs/libneeded.so", "int two(void) { return 2; }", "-Wl,-soname,libneeded.so")
    needs = ["-Wl,--no-as-needed", str(tree.at("/site/a.libs/libneeded.so")), "-Wl,-soname,liba-1111.so"]
    compile_to(tree, "/site/a.libs/liba-1111.so", LARGE, *needs)
    other = renamed(tree, "/site/a.libs/liba-1111.so", b"liba-1111.so", b"liba-2222.so")
    tree.at("/site/b.libs/liba-2222.so").write_bytes(other)
    assert dedupe.link(tree, tree.files()) == 0
    tree.link("/site/b.libs/libneeded.so", "../a.libs/libneeded.so")
    assert dedupe.link(tree, [path for path in tree.files() if "liba" in path]) == len(other)
