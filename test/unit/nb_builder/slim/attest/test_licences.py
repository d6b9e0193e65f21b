"""The notices of Debian packages that own files in the tree."""

from nb_builder.common import dpkg
from nb_builder.slim.attest import licences
from nb_builder.slim.tree import Tree

ENV = dpkg.Package("coreutils", "9.1-1", "amd64", "coreutils", "Package: coreutils\nVersion: 9.1-1")


def test_a_package_with_a_file_in_the_tree_has_its_entry_and_another_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(dpkg, "packages", lambda: {"coreutils": ENV, "bash": ENV})
    monkeypatch.setattr(dpkg, "owners", lambda paths: dict.fromkeys(paths, "coreutils"))
    tree = Tree(tmp_path)
    tree.write("/usr/bin/env", "")
    assert licences.lay(tree) in ([], ["coreutils"])
    assert tree.at("/var/lib/dpkg/status.d/coreutils").read_text() == "Package: coreutils\nVersion: 9.1-1\n"
    assert not tree.holds("/var/lib/dpkg/status.d/bash")


def test_a_package_without_a_notice_in_this_image_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(dpkg, "packages", lambda: {"nobody-made-this": ENV})
    monkeypatch.setattr(dpkg, "owners", lambda paths: dict.fromkeys(paths, "nobody-made-this"))
    tree = Tree(tmp_path)
    tree.write("/usr/bin/env", "")
    assert licences.lay(tree) == ["nobody-made-this"]


def test_what_no_package_owns_needs_no_notice(tmp_path, monkeypatch):
    monkeypatch.setattr(dpkg, "packages", dict)
    tree = Tree(tmp_path)
    tree.write("/usr/bin/env", "")
    licences.lay(tree)
    assert tree.files() == ["/usr/bin/env"]
