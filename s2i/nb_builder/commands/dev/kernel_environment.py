"""Provides the JupyterLab kernel that runs in the notebook's environment, as the last build installed it.

The kernel uses a copy, because builds replace their environment. A running kernel keeps its copy; a restarted one uses
the newest. Unused copies are removed when the next one is created.
"""

import fcntl
import json
import os
import shlex
import shutil
from pathlib import Path

from nb_scorer.common import paths

from nb_builder.common import digests
from nb_builder.common.log import Log
from nb_builder.execute import kernel_overlay, pip_shim
from nb_builder.install import venv
from nb_builder.install.installer import Installer
from nb_builder.install.interpreters import Python

# The name and title of Jupyter's kernel for its own Python, so that opening a notebook in ours does not change it.
NAME = "python3"
TITLE = "Python 3 (ipykernel)"
STAMP = "stamp"

# A kernel holds a lock on this file while it runs.
_USE = "use"
HOLD = """\
import fcntl
_use = open({use!r})
fcntl.flock(_use, fcntl.LOCK_SH)
"""
# Like execute.kernel, without the parts that only a build needs.
_BOOT = """\
{hold}import sys
sys.path[:] = [entry for entry in sys.path if entry and entry != {pip!r}]
sys.path.append({overlay!r})
from ipykernel import kernelapp
kernelapp.launch_new_instance()
"""
_LAUNCHER = """\
#!/bin/sh
# Starts a kernel of the environment of the last build.
PATH={bin}:{pip}/bin:"$PATH"
VIRTUAL_ENV={venv}
PYTHONPATH={pip}
export PATH VIRTUAL_ENV PYTHONPATH
exec {python} -c {boot} "$@"
"""


def provide(folder: Path, installer: Installer, python: Python, home: Path, log: Log) -> None:
    """Update the kernel in `folder` to the installer's environment if its packages changed.

    `folder` is on JUPYTER_PATH. Raises a problem if ipykernel can't be installed next to the packages.
    """
    stamp = digests.fingerprint({"lock": digests.digest(_lock(installer)), "python": python.full})
    if current(folder) == stamp:
        return
    made = _fresh(folder / "environments")
    (made / _USE).touch()
    venv.copy(installer.venv, made / "venv")
    copied = Installer(made / "venv", installer.minor, installer.choice, installer.environ, log, installer.as_of)
    (made / "pip").mkdir()
    pip_shim.fill(made / "pip", copied)
    freeze = copied.freeze()
    overlay = kernel_overlay.at_hand(python, copied, freeze, home=home, environ=os.environ)
    if overlay is None:
        overlay = made / "overlay"
        kernel_overlay.make(python, overlay, copied, constraints=freeze)
    launcher = made / "kernel"
    _write(launcher, _script(made, overlay), mode=0o755)
    spec = {
        "argv": [str(launcher), "-f", "{connection_file}"],
        "display_name": TITLE,
        "language": "python",
        "metadata": {"debugger": False},
    }
    kernel = folder / "kernels" / NAME
    kernel.mkdir(parents=True, exist_ok=True)
    _write(kernel / "kernel.json", json.dumps(spec, indent=1))
    _write(folder / STAMP, stamp)
    _remove_unused(folder / "environments")


def current(folder: Path) -> str | None:
    """Return the digest of the environment of the kernel in `folder`, or None if there is no kernel."""
    stamp = folder / STAMP
    return stamp.read_text(encoding="ascii") if stamp.is_file() else None


def clear(folder: Path) -> None:
    """Remove all kernels, which are left from an earlier run and unused."""
    shutil.rmtree(folder, ignore_errors=True)


def _lock(installer: Installer) -> Path:
    return installer.venv.parent / paths.BUILD / paths.LOCK


def _fresh(folder: Path) -> Path:
    """Create and return a folder with a new number."""
    folder.mkdir(parents=True, exist_ok=True)
    number = max((int(entry.name) for entry in folder.iterdir()), default=0) + 1
    made = folder / str(number)
    made.mkdir()
    return made


def _remove_unused(folder: Path) -> None:
    """Remove environments without a running kernel, except the last two, whose kernels may be starting."""
    numbers = sorted(int(entry.name) for entry in folder.iterdir())
    for number in numbers[:-2]:
        environment = folder / str(number)
        with (environment / _USE).open() as use:
            try:
                fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(environment, ignore_errors=True)


def _script(made: Path, overlay: Path) -> str:
    values = {
        "venv": made / "venv",
        "bin": made / "venv" / "bin",
        "pip": made / "pip",
        "python": made / "venv" / "bin" / "python",
        "boot": _BOOT.format(hold=HOLD.format(use=str(made / _USE)), pip=str(made / "pip"), overlay=str(overlay)),
    }
    return _LAUNCHER.format(**{name: shlex.quote(str(value)) for name, value in values.items()})


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file atomically, so that other processes never read an incomplete one."""
    scratch = path.with_name(path.name + ".new")
    scratch.write_text(text, encoding="utf-8")
    scratch.chmod(mode)
    scratch.replace(path)
