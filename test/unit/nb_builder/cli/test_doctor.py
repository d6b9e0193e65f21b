"""What `nb-builder doctor` reports of the Pythons for notebooks and of the package index."""

import http.server
import threading

import pytest
from nb_builder.cli import doctor
from nb_builder.common import python_places


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with Python 3.9 and 3.12 from uv alone."""
    for release in ("3.9.25", "3.12.16"):
        folder = tmp_path / "uv" / f"cpython-{release}-linux-x86_64-gnu" / "bin"
        folder.mkdir(parents=True)
        (folder / f"python{release.rpartition('.')[0]}").touch()
    monkeypatch.setattr(python_places, "_SYSTEM", ())
    monkeypatch.setattr(python_places, "BAKED", tmp_path / "none")
    return {"HOME": str(tmp_path), "UV_PYTHON_INSTALL_DIR": str(tmp_path / "uv")}


def test_pythons_that_are_installed_and_those_that_a_build_downloads_are_listed(machine):
    assert doctor._pythons(machine).detail == (
        "Python 3.9, 3.12; builds download 3.8, 3.10, 3.11, 3.13, 3.14, 3.15 from python-build-standalone on "
        "github.com, as uv does"
    )


def test_the_mirror_is_named(machine):
    machine["UV_PYTHON_INSTALL_MIRROR"] = "https://mirror.example.com/python"
    assert doctor._pythons(machine).detail.endswith(" from https://mirror.example.com/python")


@pytest.mark.parametrize("name", ["S2I_PYTHON_DOWNLOADS", "UV_PYTHON_DOWNLOADS"])
def test_downloads_that_are_forbidden_are_reported(machine, name):
    assert doctor._pythons({**machine, name: "never"}).detail == "Python 3.9, 3.12; builds download no others"


class _NothingHere(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(404)

    def log_message(self, *_):
        """Print nothing."""


def test_an_index_at_a_wrong_address_is_reported_with_the_status(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with http.server.HTTPServer(("127.0.0.1", 0), _NothingHere) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/simple"
        check = doctor._index({"PIP_INDEX_URL": url})
        thread.join()
    assert (check.state, check.detail) == (doctor.MISSING, f"{url} responds with 404 Not Found")
