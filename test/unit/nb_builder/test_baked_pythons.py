"""Which Pythons and overlays a builder image gets."""

import io
import sys
from pathlib import Path

import pytest
from nb_builder import baked_pythons
from nb_builder.common.log import Log
from nb_builder.execute import kernel_overlay
from nb_builder.install import python_downloads
from nb_builder.install.python_downloads import DownloadFailed

ROOT = Path(__file__).parents[3]


def placed(place, minor, program="#!/bin/sh\necho {0} {0}.1 $0\n"):
    """Make a stand-in for an installation of Python `minor` below `place`."""
    installation = place / f"cpython-{minor}.1-x"
    (installation / "bin").mkdir(parents=True)
    (installation / "lib" / f"python{minor}" / "test").mkdir(parents=True)
    python = installation / "bin" / f"python{minor}"
    python.write_text(program.format(minor))
    python.chmod(0o755)
    return installation


@pytest.fixture
def bake(tmp_path, monkeypatch):
    """Return a function that bakes versions with stand-ins; it returns {minor of an overlay: its constraints}."""
    place, made = tmp_path / "python", {}
    place.mkdir()

    def install(minor, environ):
        assert environ["UV_PYTHON_INSTALL_DIR"] == str(place)
        placed(place, minor)

    def make(python, folder, installer, *, constraints="", compiled=False):
        made[python.minor] = constraints
        folder.mkdir(parents=True)

    monkeypatch.setattr(python_downloads, "install", install)
    monkeypatch.setattr(kernel_overlay, "make", make)

    def baked(*minors):
        baked_pythons.bake(tmp_path / "home", place, minors, {"PATH": "/usr/bin:/bin"}, Log(io.StringIO()))
        return made

    return baked


def test_each_python_gets_an_overlay_from_the_lock_if_that_has_its_version(bake, tmp_path):
    # Copied from another image before.
    placed(tmp_path / "python", "3.6")
    made = bake("3.12")
    assert sorted(made) == ["3.12", "3.6"]
    assert "ipykernel==" in made["3.12"] and "--hash" not in made["3.12"]
    assert made["3.6"] == ""
    assert not (tmp_path / "python/cpython-3.12.1-x/lib/python3.12/test").exists()


def test_nb_scorer_is_compiled_with_each_python(bake, tmp_path):
    program = tmp_path / "python" / "cpython" / "bin" / "python{}.{}".format(*sys.version_info)
    program.parent.mkdir(parents=True)
    program.symlink_to(sys.executable)
    package = tmp_path / "home" / "app-skeleton" / "nb_scorer"
    package.mkdir(parents=True)
    (package / "module.py").write_text("1\n")
    bake()
    assert (package / "__pycache__" / f"module.{sys.implementation.cache_tag}.pyc").exists()


def test_an_overlay_that_the_image_has_is_kept(bake, tmp_path):
    (tmp_path / "home/overlay/3.12").mkdir(parents=True)
    assert bake("3.12") == {}


def test_a_python_that_does_not_run_fails_the_image(bake, tmp_path):
    placed(tmp_path / "python", "3.7", "#!/bin/sh\nexit 127\n")
    with pytest.raises(DownloadFailed, match=r"cpython-3\.7\.1-x does not run"):
        bake()


def test_equal_files_of_overlays_are_one_file(tmp_path):
    for minor in ("3.11", "3.12"):
        (tmp_path / minor).mkdir()
        (tmp_path / minor / "a.py").write_text("same")
        (tmp_path / minor / "b.py").write_text(minor)
    baked_pythons.link_identical(tmp_path)
    assert (tmp_path / "3.11/a.py").samefile(tmp_path / "3.12/a.py")
    assert (tmp_path / "3.12/b.py").read_text() == "3.12"


@pytest.mark.parametrize("name", ["Dockerfile", "s2i/python.Dockerfile"])
def test_uv_trusts_the_authorities_of_the_image_while_it_bakes(name):
    # uv itself would trust its own list, which a company's proxy is not on.
    text = (ROOT / name).read_text("utf-8")
    (step,) = (step for step in text.split("\nRUN ")[1:] if "nb_builder.baked_pythons" in step)
    before = step.partition("nb_builder.baked_pythons")[0]
    assert "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt" in before
