"""The shell's packages."""

import pytest
from nb_builder.common import dpkg
from nb_builder.problems.slim_images import SlimShellMissing
from nb_builder.slim.rootfs import shell_base
from nb_builder.slim.tree import Tree


def test_programs_of_the_packages_come_and_their_manuals_do_not(tmp_path, monkeypatch):
    files = ("/usr/bin", "/usr/bin/env", "/usr/share/man/env.1")
    monkeypatch.setattr(dpkg, "lists", lambda: dict.fromkeys(shell_base.PACKAGES, files))
    tree = Tree(tmp_path)
    shell_base.lay(tree)
    assert tree.holds("/usr/bin/env")
    assert not tree.holds("/usr/share/man")


def test_an_image_of_another_kind_is_rejected_by_what_it_lacks(tmp_path, monkeypatch):
    monkeypatch.setattr(dpkg, "lists", dict)
    with pytest.raises(SlimShellMissing, match="this image lacks base-files"):
        shell_base.lay(Tree(tmp_path))
