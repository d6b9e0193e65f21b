"""System packages: which are read, and what happens where they are missing."""

import io

import pytest
from nb_builder.common.dpkg import Package
from nb_builder.common.log import Log
from nb_builder.install import system_packages
from nb_builder.install.system_packages import SystemPackage
from nb_builder.problems.notebooks import FileEncoding, SystemPackageMissing, SystemPackagesMalformed

APT = """#!/bin/sh
echo "$@" >>"$CALLS"
case "$*" in *unheard*) echo "E: Unable to locate package unheard"; exit 100;; esac
case "$*" in *install*) touch "$INSTALLED";; esac
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Return a machine with root, and an apt-get that records its calls and installs graphviz."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/apt-get").write_text(APT)
    (tmp_path / "bin/apt-get").chmod(0o755)
    (tmp_path / "lists").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("INSTALLED", str(tmp_path / "installed"))
    monkeypatch.setattr(system_packages.os, "geteuid", lambda: 0)
    monkeypatch.setattr(system_packages, "LISTS", tmp_path / "lists")

    def installed():
        names = ["git", "graphviz"] if (tmp_path / "installed").exists() else ["git"]
        return {name: Package(name, "1.0", "all", name, "") for name in names}

    monkeypatch.setattr(system_packages.dpkg, "packages", installed)
    return tmp_path


def package(entry):
    return SystemPackage(entry, entry.partition("=")[0], "apt.txt")


def provide(*entries, may_install=True, in_image=True):
    stream = io.StringIO()
    wanted = [package(entry) for entry in entries]
    return system_packages.provide(wanted, Log(stream), may_install=may_install, in_image=in_image), stream.getvalue()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig"])
def test_a_file_may_be_in_utf_16(tmp_path, encoding):
    (tmp_path / "apt.txt").write_bytes("# drawing\r\ngraphviz\r\n".encode(encoding))
    assert system_packages.read([tmp_path], tmp_path) == (package("graphviz"),)


def test_a_file_in_another_encoding_is_a_problem_that_names_it(tmp_path):
    (tmp_path / "apt.txt").write_bytes("graphviz # für später\n".encode("latin-1"))
    with pytest.raises(FileEncoding, match="apt.txt is not UTF-8 or UTF-16 text"):
        system_packages.read([tmp_path], tmp_path)


def test_files_next_to_the_notebook_and_at_the_top_count(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "apt.txt").write_text("# programs\ngraphviz  git\n")
    (tmp_path / "notebooks/packages.txt").write_text("\ufefflibgl1:amd64=1.6.0-1\ngit\n")
    packages = system_packages.read([tmp_path / "notebooks"], tmp_path)
    assert [(package.entry, package.name, package.file) for package in packages] == [
        ("libgl1:amd64=1.6.0-1", "libgl1", "notebooks/packages.txt"),
        ("git", "git", "notebooks/packages.txt"),
        ("graphviz", "graphviz", "apt.txt"),
    ]


@pytest.mark.parametrize("line", ["-y", "numpy==1.26.4", "graphviz; reboot", "Graphviz", "$(reboot)", "a"])
def test_what_is_no_package_is_rejected_with_its_line(tmp_path, line):
    (tmp_path / "apt.txt").write_text(f"git\n{line}\n")
    with pytest.raises(SystemPackagesMalformed, match=r"apt.txt \(line 2\)"):
        system_packages.read([tmp_path], tmp_path)


def test_what_is_there_is_reported_with_its_version_and_left_alone(machine):
    assert provide("git") == (["git=1.0"], "     git 1.0\n")
    assert not (machine / "calls").exists()


def test_root_installs_what_is_missing_and_says_so(machine):
    (machine / "lists/index").write_text("")
    versions, log = provide("git", "graphviz=1.0")
    assert versions == ["git=1.0", "graphviz=1.0"]
    update, install = (machine / "calls").read_text().splitlines()
    assert update.endswith(" update")
    assert install.endswith(" install --yes --no-install-recommends -- graphviz=1.0")
    assert "apt-get install graphviz=1.0\n" in log and "note:" not in log
    assert not (machine / "lists").exists()


def test_outside_of_an_image_the_machine_is_not_changed_without_a_word(machine):
    _, log = provide("graphviz", in_image=False)
    note = "note: 'apt-get install graphviz' installs packages on this machine"
    assert log.index(note) < log.index("     apt-get install")
    assert (machine / "lists").exists()


def test_others_than_root_are_reported_how_to_have_it(machine, monkeypatch):
    monkeypatch.setattr(system_packages.os, "geteuid", lambda: 1001)
    with pytest.raises(SystemPackageMissing, match="that are not installed: graphviz") as rejected:
        provide("git", "graphviz")
    assert rejected.value.why.endswith("this build does not run as root.")
    assert 'builder --apt "graphviz"' in rejected.value.fix
    assert not (machine / "calls").exists()


def test_a_setting_keeps_root_from_it(machine):
    with pytest.raises(SystemPackageMissing, match="S2I_APT=0 forbids it"):
        provide("graphviz", may_install=False)


def test_a_machine_without_apt_is_reported_so(machine, monkeypatch):
    monkeypatch.setenv("PATH", str(machine))
    with pytest.raises(SystemPackageMissing, match="apt-get is not available"):
        provide("graphviz")


def test_a_package_that_no_one_has_is_named_in_apt_s_words(machine):
    with pytest.raises(SystemPackageMissing, match="apt-get install failed: Unable to locate package unheard"):
        provide("unheard")


def test_what_apt_replaces_by_something_else_is_still_missing(machine):
    with pytest.raises(SystemPackageMissing, match="that are not installed: libfoo-dev"):
        provide("libfoo-dev")


@pytest.mark.parametrize("folder", ["binder", ".binder"])
def test_what_is_meant_for_binder_is_read_too(tmp_path, folder):
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "apt.txt").write_text("graphviz\n")
    packages = system_packages.read([tmp_path], tmp_path)
    assert [(package.name, package.file) for package in packages] == [("graphviz", f"{folder}/apt.txt")]
