"""Libraries that are there twice."""

import os

from nb_builder.slim import twins
from nb_builder.slim.tree import Tree

TEXT = "x" * twins.SMALLEST


def test_a_second_one_of_the_same_name_and_content_becomes_a_link(tmp_path):
    tree = Tree(tmp_path)
    tree.write("/site/a.libs/libgfortran.so.5", TEXT)
    tree.write("/site/b.libs/libgfortran.so.5", TEXT)
    assert twins.link(tree, tree.files()) == len(TEXT)
    assert os.readlink(tree.at("/site/b.libs/libgfortran.so.5")) == "../a.libs/libgfortran.so.5"
    assert tree.at("/site/b.libs/libgfortran.so.5").read_text() == TEXT


def test_another_name_another_content_or_a_small_one_stays(tmp_path):
    tree = Tree(tmp_path)
    tree.write("/a/lib.so", TEXT)
    tree.write("/b/lib.so", TEXT + "more")
    tree.write("/b/other.so", TEXT)
    tree.write("/a/small.so", "x")
    tree.write("/b/small.so", "x")
    assert twins.link(tree, tree.files()) == 0
