"""The environments that JupyterLab's kernels have."""

import io
import subprocess
import sys
from types import SimpleNamespace

import pytest
from nb_builder.commands.dev import kernel_environment
from nb_builder.common.log import Log
from nb_builder.install.interpreters import Python


@pytest.fixture
def provide(tmp_path, monkeypatch):
    """Return a function that provides the kernel for a lock with this text; nothing is installed."""
    monkeypatch.setattr(kernel_environment.venv, "copy", lambda source, made: (made / "bin").mkdir(parents=True))
    monkeypatch.setattr(kernel_environment.pip_shim, "fill", lambda folder, installer: None)
    monkeypatch.setattr(kernel_environment.kernel_overlay, "at_hand", lambda *_, **__: tmp_path)
    monkeypatch.setattr(kernel_environment, "Installer", lambda *_: SimpleNamespace(freeze=lambda: ""))
    (tmp_path / "app" / "build").mkdir(parents=True)
    installer = SimpleNamespace(
        venv=tmp_path / "app" / "venv", minor="3.11", choice="uv", environ={}, log=None, as_of=None
    )
    python = Python(tmp_path, "3.11", "3.11.2")

    def provided(lock):
        (tmp_path / "app" / "build" / "requirements.lock").write_text(lock)
        kernel_environment.provide(tmp_path / "jupyter", installer, python, tmp_path, Log(io.StringIO()))
        return sorted(entry.name for entry in (tmp_path / "jupyter" / "environments").iterdir())

    return provided


def test_the_last_two_environments_stay(provide):
    assert provide("six==1.16.0") == ["1"]
    assert provide("six==1.16.0") == ["1"]
    assert provide("six==1.17.0") == ["1", "2"]
    # A kernel may be starting from the one before.
    assert provide("six==1.15.0") == ["2", "3"]


def test_so_does_one_of_which_a_kernel_runs(provide, tmp_path):
    provide("1")
    use = kernel_environment.HOLD.format(use=str(tmp_path / "jupyter/environments/1/use"))
    kernel = subprocess.Popen(
        [sys.executable, "-c", f"{use}\nprint(flush=True)\ninput()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    kernel.stdout.readline()
    provide("2")
    assert provide("3") == ["1", "2", "3"]
    kernel.communicate(b"\n")
    assert provide("4") == ["3", "4"]
