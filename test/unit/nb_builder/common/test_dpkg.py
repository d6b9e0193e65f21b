"""dpkg's own files: packages, and who owns a path."""

import shutil

from nb_builder.common import dpkg

STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc (2.36-9)
Version: 2.36-9+deb12u13
Description: C library
 more of it

Package: gone
Status: deinstall ok config-files
Version: 1

Package: tzdata
Status: install ok installed
Architecture: all
Version: 2025b-0+deb12u2
"""


def dpkg_folder(tmp_path):
    """Return a folder like /var/lib/dpkg."""
    (tmp_path / "info").mkdir()
    (tmp_path / "status").write_text(STATUS)
    (tmp_path / "info/libc6:amd64.list").write_text("/.\n/lib\n/lib/x86_64-linux-gnu/libc.so.6\n")
    (tmp_path / "info/tzdata.list").write_text("/usr/share/zoneinfo/UTC\n")
    return tmp_path


def test_packages_are_those_that_are_installed(tmp_path):
    packages = dpkg.packages(dpkg_folder(tmp_path))
    assert sorted(packages) == ["libc6", "tzdata"]
    assert (packages["libc6"].version, packages["libc6"].architecture) == ("2.36-9+deb12u13", "amd64")
    assert packages["libc6"].source == "glibc"
    assert packages["tzdata"].source == "tzdata"


def test_an_image_without_dpkg_has_no_packages(tmp_path):
    assert dpkg.packages(tmp_path / "none") == {}
    assert dpkg.owners(["/etc/passwd"], tmp_path / "none") == {}


def test_a_path_has_its_owner_by_both_of_its_names_on_a_merged_system(tmp_path, monkeypatch):
    monkeypatch.setattr(dpkg.os.path, "islink", lambda path: path == "/lib")
    paths = ["/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/share/zoneinfo/UTC", "/usr/lib/nobodys"]
    assert dpkg.owners(paths, dpkg_folder(tmp_path)) == {paths[0]: "libc6", paths[1]: "tzdata"}


def test_a_folder_and_a_link_to_one_are_nobodys(tmp_path):
    folder = dpkg_folder(tmp_path)
    (tmp_path / "sbin").symlink_to("info")
    (folder / "info/util-linux.list").write_text(f"{tmp_path}/sbin\n{tmp_path}/info\n")
    assert dpkg.owners([f"{tmp_path}/sbin", f"{tmp_path}/info"], folder) == {}


def test_the_bundle_of_certificates_is_of_the_package_that_makes_it(tmp_path):
    bundle = "/etc/ssl/certs/ca-certificates.crt"
    assert dpkg.owners([bundle], dpkg_folder(tmp_path)) == {bundle: "ca-certificates"}


def test_the_files_of_a_package_are_those_of_its_list(tmp_path):
    folder = dpkg_folder(tmp_path)
    assert dpkg.lists(folder)["tzdata"] == ("/usr/share/zoneinfo/UTC",)
    assert "nothing" not in dpkg.lists(folder)


def test_a_list_that_was_read_is_not_read_again(tmp_path):
    folder, path = dpkg_folder(tmp_path), "/usr/share/zoneinfo/UTC"
    assert dpkg.owners([path], folder) == {path: "tzdata"}
    shutil.rmtree(folder / "info")
    assert dpkg.owners([path], folder) == {path: "tzdata"}


def test_the_release_is_read_with_and_without_quotes(tmp_path):
    (tmp_path / "os-release").write_text('ID=debian\nVERSION_ID="12"\n')
    assert dpkg.release(tmp_path / "os-release") == {"ID": "debian", "VERSION_ID": "12"}
    assert dpkg.release(tmp_path / "none") == {}
