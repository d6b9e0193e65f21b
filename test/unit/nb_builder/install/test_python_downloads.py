"""Which Python a build downloads, and what it reports of a mirror that is away or broken. uv itself is real."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from nb_builder.common.python_places import uv_folder
from nb_builder.install import interpreters, python_downloads
from nb_builder.install.python_downloads import DownloadFailed

import pythons

RELEASE = "3.12.16"


@pytest.fixture
def mirror(tmp_path):
    """A mirror with a stand-in for Python 3.12, and a catalog that names it."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    archive = pythons.stand_in(folder / "python.tar.gz", RELEASE)
    pythons.catalog(folder / "catalog.json", {RELEASE: archive}, folder.as_uri())
    return folder


def environ(folder, catalog, **more):
    own = {"HOME": str(folder / "home"), "UV_PYTHON_INSTALL_DIR": str(folder / "app-root/python")}
    own |= {"PATH": os.environ["PATH"], "UV_PYTHON_DOWNLOADS_JSON_URL": str(catalog), "UV_HTTP_RETRIES": "0"}
    return {**own, "APP_ROOT": str(folder / "app-root"), **more}


def failure(folder, catalog, minor="3.12", **more):
    with pytest.raises(DownloadFailed) as failed:
        python_downloads.install(minor, environ(folder, catalog, **more))
    return str(failed.value)


def test_one_is_installed_and_found_without_what_uv_leaves_next_to_it(mirror, tmp_path):
    variables = environ(tmp_path, mirror / "catalog.json")
    python_downloads.install("3.12", variables)
    (installation,) = (tmp_path / "app-root/python").iterdir()
    assert installation.name.startswith(f"cpython-{RELEASE}-linux-")
    python = interpreters.find(variables)["3.12"]
    assert (python.path, python.full) == (installation / "bin/python3.12", RELEASE)
    assert not (tmp_path / "home/.local").exists()


def test_in_uvs_own_folder_the_files_of_uv_stay(mirror, tmp_path):
    variables = {**environ(tmp_path, mirror / "catalog.json"), "UV_PYTHON_INSTALL_DIR": "", "APP_ROOT": ""}
    python_downloads.install("3.12", variables)
    place = tmp_path / "home/.local/share/uv/python"
    assert place == uv_folder(variables)
    assert (place / ".lock").exists() and any(path.is_symlink() for path in place.iterdir())
    assert interpreters.find(variables)["3.12"].full == RELEASE
    # uv would link its Pythons there, and PATH may have it.
    assert not (tmp_path / "home/.local/bin").exists()


def test_two_builds_at_once_install_one(mirror, tmp_path):
    variables = environ(tmp_path, mirror / "catalog.json", APP_ROOT="")
    with ThreadPoolExecutor(2) as both:
        assert list(both.map(python_downloads.install, ["3.12", "3.12"], [variables, variables])) == [None, None]
    folder = tmp_path / "app-root/python"
    assert len([path for path in folder.glob("cpython-*") if not path.is_symlink()]) == 1


def test_a_python_that_the_catalog_lacks_is_published_by_no_one(mirror, tmp_path):
    assert failure(tmp_path, mirror / "catalog.json", "3.7") == "Python 3.7 is not published for this machine"


def test_an_archive_with_another_digest_is_not_installed(mirror, tmp_path):
    catalog = pythons.catalog(
        mirror / "catalog.json", {RELEASE: mirror / "python.tar.gz"}, mirror.as_uri(), sha256="0" * 64
    )
    assert failure(tmp_path, catalog).startswith("the archive has another digest than expected: Hash mismatch for")
    assert list((tmp_path / "app-root/python").glob("cpython*")) == []


def test_a_truncated_archive_is_not_installed(mirror, tmp_path):
    archive = mirror / "python.tar.gz"
    archive.write_bytes(archive.read_bytes()[:200])
    catalog = pythons.catalog(mirror / "catalog.json", {RELEASE: archive}, mirror.as_uri())
    assert failure(tmp_path, catalog) == "Failed to extract archive: python.tar.gz: unexpected end of file"
    assert list((tmp_path / "app-root/python").glob("cpython*")) == []


def test_a_file_that_the_mirror_lacks_is_named(mirror, tmp_path):
    (mirror / "python.tar.gz").unlink()
    assert "python.tar.gz" in failure(tmp_path, mirror / "catalog.json")


def test_a_mirror_that_is_away_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    reason = failure(tmp_path, f"http://127.0.0.1:{port}/catalog.json")
    assert reason == f"127.0.0.1:{port}: Connection refused (os error 111)"


def test_a_mirror_that_accepts_and_says_nothing_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(python_downloads, "MAX_SILENCE_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        # The kernel accepts connections for it; they are never read.
        reason = failure(tmp_path, f"http://127.0.0.1:{server.getsockname()[1]}/catalog.json")
    assert reason == "nothing arrived for 1 seconds"
    # A part of an archive would become part of the service.
    assert list((tmp_path / "app-root/python").iterdir()) == []


def test_a_folder_that_can_t_be_written_is_the_reason(mirror, tmp_path):
    reason = failure(tmp_path, mirror / "catalog.json", UV_PYTHON_INSTALL_DIR="/proc/nb-builder")
    assert reason.startswith("failed to create directory `/proc/nb-builder")


def test_what_the_user_has_forbidden_uv_is_not_done(mirror, tmp_path):
    assert "UV_PYTHON_DOWNLOADS=never" in failure(tmp_path, mirror / "catalog.json", UV_PYTHON_DOWNLOADS="never")


def test_a_python_that_the_notebook_no_longer_uses_is_removed(tmp_path):
    variables = environ(tmp_path, "none")
    place = tmp_path / "app-root/python"
    used, unused, other = (place / name for name in ("cpython-3.13.0-x", "cpython-3.12.1-x", "mine"))
    for folder in (used, unused, other):
        (folder / "bin").mkdir(parents=True)
    python_downloads.keep_only(used / "bin/python3.13", tmp_path / "app-root", variables)
    assert sorted(place.iterdir()) == [used, other]
    python_downloads.keep_only(Path("/usr/bin/python3"), tmp_path / "app-root", {"HOME": str(tmp_path)})
    assert used.exists()


def test_a_file_that_uv_moves_meanwhile_is_not_counted(tmp_path, monkeypatch):
    for name in ("stays", "goes"):
        (tmp_path / name).write_bytes(b"1234")
    real = os.lstat

    def lstat(path, **options):
        if str(path).endswith("goes"):
            (tmp_path / "goes").unlink(missing_ok=True)
        return real(path, **options)

    monkeypatch.setattr(python_downloads.os, "lstat", lstat)
    assert python_downloads._bytes_below(tmp_path) == 4
