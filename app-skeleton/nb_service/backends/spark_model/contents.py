"""Lists the contents of the archive: nb-builder's packages, the model, its repository, environment and Python."""

import json
import os
import re
import stat
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from nb_scorer.common import paths

from nb_service import problems
from nb_service.backends.spark_model import layout
from nb_service.model_folder import ModelFolder

# Files that Python recreates, and a repository's history.
LEFT_OUT = frozenset(("__pycache__", ".git"))
# Files of an environment that are left out: executors get its packages, and recreate the rest for their own Python.
OF_VENV = frozenset(("bin", "include", "pyvenv.cfg", "CACHEDIR.TAG", ".lock", ".gitignore"))
# Parts of an interpreter's library that are left out: those that no model needs, and its own packages.
OF_LIBRARY = frozenset(("site-packages", "dist-packages", "test", "idlelib", "ensurepip", "lib2to3", "turtledemo"))
# Files for compilers, which executors don't need: libpython as a static archive, and its build configuration.
_COMPILERS = re.compile(r"config-\d.*")
# A Python with one of these prefixes is the system's, and its files are spread over the system.
SYSTEM = frozenset(("/", "/usr", "/usr/local"))
_FACTS = """\
import json, os, sys
print(json.dumps([os.path.realpath(sys.executable), sys.base_prefix, os.path.dirname(os.__file__),
                  "%d.%d" % sys.version_info[:2]]))
"""


class Contents(NamedTuple):
    """The files of an archive by name, and facts that not every unpacker preserves.

    `links` are symbolic links and their targets; `interpreter` is the name of the model's own interpreter, "" if it is
    not included.
    """

    files: dict[str, Path]
    folders: set[str]  # empty ones
    links: dict[str, str]
    interpreter: str
    python: str

    def manifest(self) -> dict:
        """Return the facts that executors need to use an unpacked archive."""
        executables = [name for name, path in self.files.items() if os.stat(path).st_mode & stat.S_IXUSR]
        return {
            "format": layout.FORMAT,
            "python": self.python,
            "interpreter": self.interpreter,
            "links": self.links,
            "executables": sorted(executables),
            "folders": sorted(self.folders),
        }


def list_contents(model: ModelFolder) -> Contents:
    """Return the archive contents for `model`; raise ModelMissing or ModelDamaged if it can't be read."""
    try:
        return _list_contents(model)
    except OSError as error:
        raise problems.unreadable(error.filename or model.folder.parent, error) from error


def _list_contents(model: ModelFolder) -> Contents:
    app_root = model.folder.parent
    real, prefix, library, minor = _facts(model.python)
    contents = Contents({}, set(), {}, _interpreter(prefix, minor), minor)
    for package in layout.PACKAGES:
        _take(contents, _home(package), package, lambda name: name.endswith(".py"))
    _take(contents, model.folder, f"{layout.APP_ROOT}/{paths.MODEL}")
    _take(contents, app_root / paths.SRC, f"{layout.APP_ROOT}/{paths.SRC}")
    report = app_root / paths.BUILD / paths.REPORT
    if report.is_file():
        contents.files[f"{layout.APP_ROOT}/{paths.BUILD}/{paths.REPORT}"] = report
    _take(contents, (app_root / paths.VENV).resolve(), f"{layout.APP_ROOT}/{paths.VENV}", leave=OF_VENV)
    if contents.interpreter:
        _take_interpreter(contents, Path(real), Path(prefix), Path(library))
    return contents


def _facts(python: Path) -> list[str]:
    """Return the path of the interpreter behind a virtual environment, its prefix, library and version."""
    ran = subprocess.run([python, "-I", "-c", _FACTS], capture_output=True, text=True)
    if ran.returncode:
        raise problems.ModelMissing(python)
    return json.loads(ran.stdout)


def _home(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise problems.SparkModelWords(f"{package} is not in this image, which can only serve: use the service image.")
    return Path(spec.origin).parent


def _interpreter(prefix: str, minor: str) -> str:
    """Return the interpreter's name in the archive, "" if it is the system's."""
    is_system = os.path.realpath(prefix) in SYSTEM
    return "" if is_system else f"{layout.APP_ROOT}/{layout.INTERPRETER}/bin/python{minor}"


def _take_interpreter(contents: Contents, executable: Path, prefix: Path, library: Path) -> None:
    """Add a Python that is installed in its own folder, because it finds its library relative to itself."""
    contents.files[contents.interpreter] = executable
    home = f"{layout.APP_ROOT}/{layout.INTERPRETER}/lib"
    _take(contents, library, f"{home}/{library.name}", leave=OF_LIBRARY)
    for path in sorted((prefix / "lib").glob("libpython*.so*")):
        _take_one(contents, path, f"{home}/{path.name}", prefix / "lib")


def _take(
    contents: Contents,
    folder: Path,
    name: str,
    wanted: Callable[[str], bool] = lambda name: True,
    leave: frozenset[str] = frozenset(),
) -> None:
    """Add the contents of `folder` under `name`, except top-level names in `leave` and files not `wanted`."""
    _walk(contents, folder, name, folder, (), wanted, leave)


def _walk(
    contents: Contents,
    folder: Path,
    name: str,
    top: Path,
    above: tuple[str, ...],
    wanted: Callable[[str], bool],
    leave: frozenset[str],
) -> None:
    above = (*above, os.path.realpath(folder))
    is_empty = True
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name in LEFT_OUT or entry.name in leave or entry.name.endswith((".pyc", ".pyo")):
            continue
        if leave is OF_LIBRARY and _COMPILERS.fullmatch(entry.name):
            continue
        inner, path = f"{name}/{entry.name}", Path(entry.path)
        if entry.is_dir() and not _stays_inside(path, top):
            # A link to a target outside the folder is replaced by the target, unless that contains the folder.
            if os.path.realpath(path) not in above:
                _walk(contents, path, inner, top, above, wanted, frozenset())
                is_empty = False
        elif wanted(entry.name):
            _take_one(contents, path, inner, top)
            is_empty = False
    if is_empty:
        contents.folders.add(name)


def _stays_inside(path: Path, top: Path) -> bool:
    """Return whether this is a link to something that is also in the archive."""
    if not path.is_symlink() or os.path.isabs(os.readlink(path)):
        return False
    target = os.path.normpath(path.parent / os.readlink(path))
    return target.startswith(f"{top}{os.sep}")


def _take_one(contents: Contents, path: Path, name: str, top: Path) -> None:
    if _stays_inside(path, top):
        if path.exists():
            contents.links[name] = os.readlink(path)
    elif path.is_file():
        contents.files[name] = path
