"""Which overlay a build uses: an existing one wherever the venv's packages fit it."""

import os
import sys
from pathlib import Path

import pytest
from nb_builder.common.log import Log
from nb_builder.execute import kernel_overlay
from nb_builder.install.installer import Installer
from nb_builder.install.interpreters import Python
from nb_builder.problems.packages import IndexUnreachable, InstallFailed
from packaging.version import Version

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
HERE = Python(Path(sys.executable), MINOR)


class Holds(Installer):
    """An installer whose venv holds the packages in `lines`, with an empty index."""

    def __init__(self, *lines, **environ):
        environ = {"PATH": os.environ["PATH"], "UV_NO_CACHE": "1", "PIP_NO_INDEX": "1", **environ}
        super().__init__(Path("venv"), MINOR, "auto", environ, Log())
        self.lines = lines

    def freeze(self):
        return "".join(line + "\n" for line in self.lines)


def distribution(folder, name, version, *requires):
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    needs = "".join(f"Requires-Dist: {line}\n" for line in requires)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")


@pytest.fixture
def home(tmp_path):
    overlay = tmp_path / "home" / "overlay" / MINOR
    distribution(overlay, "ipykernel", "7.1", "traitlets>=5.4", "pyzmq>=25", "debugpy>=1.6")
    distribution(overlay, "ipython", "9.0", "traitlets>=5.13", "decorator; python_version < '3'", "black; extra == 'x'")
    return tmp_path / "home"


def chosen(home, *lines, **environ):
    environ = {"HOME": str(home.parent / "user"), **environ}
    with kernel_overlay.ready(HERE, Holds(*lines), home=home, environ=environ) as folder:
        return folder


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["numpy==1.15.0"],
        ["Traitlets==5.14.3"],
        ["decorator==1.0", "black==1.0"],
        ["ipython==7.0", "traitlets==5.4"],
        ["traitlets @ file:///somewhere"],
    ],
)
def test_the_overlay_at_hand_is_taken_where_the_venvs_packages_suit_it(home, lines):
    assert chosen(home, *lines) == home / "overlay" / MINOR


@pytest.mark.parametrize("line", ["traitlets==5.3", "pyzmq==24.0.1", "traitlets==5.9"])
def test_another_is_resolved_where_a_pin_of_the_notebook_is_too_old_for_it(home, line):
    with pytest.raises(InstallFailed, match="no ipykernel, which runs the cells"):
        chosen(home, line)


def test_one_in_the_users_cache_serves_where_the_builder_has_none(home, tmp_path):
    cached = tmp_path / "cache" / "nb-builder" / "overlay" / MINOR
    distribution(cached, "ipykernel", "7.1")
    (home / "overlay" / MINOR).rename(home / "overlay" / "2.0")
    assert chosen(home, XDG_CACHE_HOME=str(tmp_path / "cache")) == cached


def test_none_is_cached_below_app_root_where_it_would_become_part_of_the_service(home, tmp_path, monkeypatch):
    (home / "overlay" / MINOR).rename(home / "overlay" / "2.0")
    monkeypatch.setattr(kernel_overlay, "make", lambda python, folder, installer, **options: folder.mkdir(parents=True))
    installer = Holds()
    installer.venv = tmp_path / "app-root" / "venv"
    environ = {"HOME": str(tmp_path / "app-root" / "src")}
    (tmp_path / "app-root" / "src").mkdir(parents=True)
    assert kernel_overlay.at_hand(HERE, installer, "", home=home, environ=environ) is None
    assert list((tmp_path / "app-root" / "src").iterdir()) == []
    environ = {"HOME": str(tmp_path / "user")}
    overlay = tmp_path / "user/.cache/nb-builder/overlay" / MINOR
    assert kernel_overlay.at_hand(HERE, installer, "", home=home, environ=environ) == overlay


def test_a_failed_one_leaves_nothing_behind(tmp_path):
    with pytest.raises(InstallFailed) as caught:
        kernel_overlay.make(HERE, tmp_path / "overlay" / MINOR, Holds())
    assert "ipykernel" in caught.value.detail
    assert list((tmp_path / "overlay").iterdir()) == []


def test_an_index_that_does_not_answer_is_reported_as_that(tmp_path):
    unreachable = Holds(PIP_NO_INDEX="", PIP_INDEX_URL="http://127.0.0.1:9/simple", UV_HTTP_RETRIES="0")
    with pytest.raises(IndexUnreachable, match=r"127\.0\.0\.1:9"):
        kernel_overlay.make(HERE, tmp_path / MINOR, unreachable)


def test_the_real_one_has_no_debugger_and_no_service(kernel_code):
    assert (kernel_code / "ipykernel").is_dir()
    assert [name for name in ("debugpy", "jedi", "flask", "nb_scorer") if (kernel_code / name).exists()] == []


def test_a_freeze_is_read_by_the_names_of_the_index():
    held = kernel_overlay.versions(" Typing_Extensions==4.1 \nown @ file:///x\n-e /y\nodd==one\n\n")
    assert held == {"typing-extensions": Version("4.1"), "own": None, "odd": None}


def test_what_the_venv_holds_must_suit_the_overlay_as_the_model_python_has_it(tmp_path):
    distribution(
        tmp_path, "ipykernel", "7.1", "traitlets>=5; python_version < '3.8'", "Zmq_X>=2; python_full_version >= '3.8.0'"
    )
    fits = kernel_overlay.fits
    assert fits(tmp_path, {"traitlets": Version("4")}, "3.8") and not fits(tmp_path, {"traitlets": Version("4")}, "3.7")
    assert fits(tmp_path, {"zmq-x": Version("1")}, "3.7") and not fits(tmp_path, {"zmq-x": Version("1")}, "3.8")
    assert fits(tmp_path, {"zmq-x": Version("2.1rc1")}, "3.8") and fits(tmp_path, {"zmq-x": None}, "3.8")
    assert fits(tmp_path, {"zmq-x": Version("1"), "ipykernel": Version("6")}, "3.8")


def test_the_cache_is_where_the_user_s_caches_are(tmp_path):
    assert kernel_overlay.cache_folder({"XDG_CACHE_HOME": "/c", "HOME": "/h"}) == Path("/c/nb-builder/overlay")
    assert kernel_overlay.cache_folder({"HOME": "/h"}) == Path("/h/.cache/nb-builder/overlay")
    assert kernel_overlay.cache_folder({}) == Path("/nonexistent/.cache/nb-builder/overlay")
    assert kernel_overlay.may_write(tmp_path / "a" / "b")


def test_the_rejection_names_ipykernel_and_the_python(tmp_path):
    with pytest.raises(InstallFailed) as caught:
        kernel_overlay.make(HERE, tmp_path / "overlay" / MINOR, Holds(), constraints="ipykernel==1\n# not this\n")
    assert "no ipykernel, which runs the cells, is compatible with them" in str(caught.value)
    assert MINOR in str(caught.value) and "uv" in str(caught.value)


def test_plotly_finds_the_nbformat_that_it_expects_in_every_kernel(home):
    overlay = home / "overlay" / f"{MINOR}-nbformat"
    distribution(overlay, "nbformat", "5.10")
    assert chosen(home, "plotly==5.0") == overlay
    assert chosen(home, "plotly==5.0", "nbformat==5.0") == home / "overlay" / MINOR
    assert kernel_overlay.needed_in_kernel("plotly==5.0\n") == ["nbformat"]
