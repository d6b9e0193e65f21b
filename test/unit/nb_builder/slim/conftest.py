"""Services of small venvs, traced for real."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from contract.services import MAKE_MODEL
from unit.nb_builder.slim import venvs


@pytest.fixture(scope="session")
def home():
    """Return a stand-in for NB_BUILDER_HOME, whose service environment is that of the tests."""
    return Path(sys.prefix).parent


@pytest.fixture(scope="session")
def make_app_root(tmp_path_factory):
    """Return a function that makes an APP_ROOT from a notebook's code, with made-up distributions in its venv."""

    def make(code: str, distributions: dict[str, dict], src: dict[str, str] | None = None) -> Path:
        root = tmp_path_factory.mktemp("app-root").resolve()
        venv = venvs.make(root / "venv")
        import cloudpickle

        files = {
            f"cloudpickle/{file.name}": file.read_text() for file in Path(cloudpickle.__file__).parent.glob("*.py")
        }
        distributions = {"cloudpickle": {"files": files}, **distributions}
        for name, content in distributions.items():
            venvs.install(venv, name, **content)
        for name, text in {"README": "", **(src or {})}.items():
            (root / "src" / name).parent.mkdir(parents=True, exist_ok=True)
            (root / "src" / name).write_text(textwrap.dedent(text))
        _save(root, venv, textwrap.dedent(code))
        return root

    return make


def _save(root: Path, venv: Path, code: str) -> None:
    from nb_scorer.protocol import launch

    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([launch.HOME, str(root / "src")]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [venv / "bin" / "python", "-c", MAKE_MODEL, root, ""]
    subprocess.run(command, input=code.encode(), check=True, cwd=root / "src", env=environ)
