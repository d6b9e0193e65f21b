"""The files of the system that the image has for the service."""

import stat

from nb_builder.slim.rootfs import system_files
from nb_builder.slim.tree import Tree


def test_users_temporary_folder_and_names_of_hosts_are_there(tmp_path):
    (tmp_path / "ca.pem").write_text("certificates")
    tree = Tree(tmp_path / "tree")
    system_files.lay(tree, tmp_path / "ca.pem")
    assert tree.at("/etc/passwd").read_text().startswith("root:")
    assert "hosts: files dns" in tree.at("/etc/nsswitch.conf").read_text()
    assert tree.at(tmp_path / "ca.pem").read_text() == "certificates"
    assert stat.S_IMODE(tree.at("/tmp").stat().st_mode) == 0o1770


def test_no_one_but_the_users_of_a_service_has_an_entry(tmp_path):
    tree = Tree(tmp_path)
    system_files.lay(tree, None)
    names = {line.split(":")[0] for line in tree.at("/etc/passwd").read_text().splitlines()}
    assert names <= set(system_files.USERS)


def test_time_zones_come_once(tmp_path):
    tree = Tree(tmp_path)
    system_files.lay(tree, None)
    assert not tree.holds("/usr/share/zoneinfo/right")
    assert not tree.holds("/usr/share/zoneinfo/posix")


def test_locales_and_kinds_of_files_are_those_of_the_service_image(tmp_path, monkeypatch):
    locales, kinds = tmp_path / "locale", tmp_path / "mime.types"
    (locales / "C.utf8").mkdir(parents=True)
    (locales / "C.utf8" / "LC_CTYPE").write_text("classes")
    kinds.write_text("image/webp webp")
    monkeypatch.setattr(system_files, "LOCALES", str(locales))
    monkeypatch.setattr(system_files, "IF_THERE", (str(kinds), str(tmp_path / "no such file")))
    tree = Tree(tmp_path / "tree")
    system_files.lay(tree, None)
    assert tree.at(locales / "C.utf8" / "LC_CTYPE").read_text() == "classes"
    assert tree.at(kinds).read_text() == "image/webp webp"
    assert not tree.holds(tmp_path / "no such file")


def test_what_the_standard_library_reads_of_the_system_is_named():
    assert {"/etc/mime.types", "/etc/services", "/etc/protocols"} <= set(system_files.IF_THERE)
