"""The tree: files keep their paths, links and modes, except for permissions that the image must not have."""

import os
import stat

import pytest
from nb_builder.slim.tree import Tree


def outside(tmp_path):
    """Return a folder that stands for the service image."""
    folder = tmp_path / "image"
    (folder / "usr/lib").mkdir(parents=True)
    return folder


def test_a_file_behind_links_comes_with_each_of_them(tmp_path):
    image, tree = outside(tmp_path), Tree(tmp_path / "tree")
    (image / "usr/lib/libz.so.1.2").write_text("z")
    (image / "usr/lib/libz.so.1").symlink_to("libz.so.1.2")
    (image / "lib").symlink_to("usr/lib")
    tree.carry(f"{image}/lib/libz.so.1")
    assert tree.at(f"{image}/usr/lib/libz.so.1.2").read_text() == "z"
    assert os.readlink(tree.at(f"{image}/usr/lib/libz.so.1")) == "libz.so.1.2"
    assert os.readlink(tree.at(f"{image}/lib")) == "usr/lib"


def test_links_that_go_up_and_absolute_ones_are_followed(tmp_path):
    image, tree = outside(tmp_path), Tree(tmp_path / "tree")
    (image / "usr/cert.pem").write_text("c")
    (image / "usr/lib/up.pem").symlink_to("../cert.pem")
    (image / "top.pem").symlink_to(f"{image}/usr/lib/up.pem")
    tree.carry(image / "top.pem")
    assert tree.at(image / "usr/cert.pem").read_text() == "c"


def test_a_circle_of_links_is_an_error_and_no_endless_walk(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="too many symbolic links"):
        Tree(tmp_path / "tree").carry(tmp_path / "a")


def test_setuid_setgid_and_the_worlds_right_to_write_do_not_come_along(tmp_path):
    image, tree = outside(tmp_path), Tree(tmp_path / "tree")
    (image / "su").write_text("")
    (image / "su").chmod(0o6777)
    tree.carry(image / "su")
    assert stat.S_IMODE(tree.at(image / "su").stat().st_mode) == 0o775


def test_of_a_folder_only_what_is_wanted_comes_and_no_empty_folder(tmp_path):
    image, tree = outside(tmp_path), Tree(tmp_path / "tree")
    (image / "tests").mkdir()
    (image / "tests/test_a.py").write_text("")
    (image / "a.py").write_text("")
    tree.carry_all(image, lambda path: "/tests/" not in path)
    assert tree.files() == [f"{image}/a.py"]
    assert not tree.holds(image / "tests")


def test_a_link_to_a_folder_is_carried_as_a_link(tmp_path):
    image, tree = outside(tmp_path), Tree(tmp_path / "tree")
    (image / "lib64").symlink_to("usr/lib")
    tree.carry_all(image)
    assert os.readlink(tree.at(image / "lib64")) == "usr/lib"


def test_sockets_and_pipes_stay_behind(tmp_path):
    image, tree = outside(tmp_path), Tree(tmp_path / "tree")
    os.mkfifo(image / "pipe")
    tree.carry_all(image)
    assert tree.files() == []


def test_a_sealed_tree_has_one_date_links_and_folders_too(tmp_path):
    tree = Tree(tmp_path / "tree")
    tree.write("/a/b", "text")
    tree.link("/a/c", "b")
    tree.seal(1_000_000)
    paths = [tree.root, tree.at("/a"), tree.at("/a/b"), tree.at("/a/c")]
    assert {os.lstat(path).st_mtime for path in paths} == {1_000_000}


def test_in_a_sealed_tree_the_group_writes_where_it_may_and_nowhere_else(tmp_path):
    tree = Tree(tmp_path / "tree")
    for path in ("/src/a", "/srcs/b", "/bin/c"):
        tree.write(path, "", 0o664)
    tree.folder("/src", 0o775)
    tree.seal(0, ("/src",))
    modes = {path: stat.S_IMODE(tree.at(path).stat().st_mode) for path in ("/src", "/src/a", "/srcs/b", "/bin/c")}
    assert modes == {"/src": 0o775, "/src/a": 0o664, "/srcs/b": 0o644, "/bin/c": 0o644}


def test_a_cleared_tree_has_nothing_of_the_one_before(tmp_path):
    Tree(tmp_path / "tree").write("/old", "")
    assert Tree(tmp_path / "tree", clear=True).files() == []


def test_what_is_removed_takes_the_folders_along_that_it_empties(tmp_path):
    tree = Tree(tmp_path / "tree")
    tree.write("/a/b/c", "")
    tree.write("/a/d", "")
    tree.remove(["/a/b/c"])
    assert tree.files() == ["/a/d"]
    assert not tree.holds("/a/b")
