"""Makes `%pip install` work in a notebook's cells, with a pip that is not part of the notebook's environment.

The packages that it installs become part of the environment, and so of the service; requirements should still declare
them.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from packaging.utils import canonicalize_name
from virtualenv.seed.wheels.embed import get_embed_wheel

from nb_builder.common.log import Log
from nb_builder.install.installer import UV, Installer
from nb_builder.requirements import pip_config

# Runs in the model Python, 3.6 or later: passes its arguments to the real pip, or to uv if pip is missing. Removes
# --user, which installs into a folder that the service doesn't have.
_MAIN = """\
import io, json, os, sys
with io.open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "facts.json")) as file:
    facts = json.load(file)
command = facts["command"] + [word for word in sys.argv[1:] if word != "--user"]
os.environ.update(facts["environ"])
os.environ.pop("PYTHONPATH", None)
os.execv(command[0], command)
"""
_SCRIPT = '#!/bin/sh\nexec "{python}" -m pip "$@"\n'


@contextmanager
def offered(installer: Installer) -> Iterator[Path | None]:
    """Yield a folder with `bin/pip` and a module `pip` for `installer`'s environment; None if it has its own pip."""
    if (installer.venv / "bin" / "pip").exists():
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="nb-pip-"))
    try:
        fill(folder, installer)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fill(folder: Path, installer: Installer) -> None:
    """Write `bin/pip`, for PATH, and a module `pip`, for PYTHONPATH, into an empty `folder`."""
    (folder / "pip").mkdir()
    (folder / "bin").mkdir()
    (folder / "pip" / "__init__.py").write_text("", encoding="utf-8")
    (folder / "pip" / "__main__.py").write_text(_MAIN, encoding="utf-8")
    facts = json.dumps(_facts(installer))
    (folder / "pip" / "facts.json").write_text(facts, encoding="utf-8")
    for name in ("pip", "pip3"):
        script = folder / "bin" / name
        script.write_text(_SCRIPT.format(python=installer.python.absolute()), encoding="utf-8")
        script.chmod(0o755)


def _facts(installer: Installer) -> dict[str, object]:
    """Return the command that replaces pip, and the variables that it needs in addition to the notebook's own."""
    python = str(installer.python.absolute())
    wheel = get_embed_wheel("pip", installer.minor)
    if wheel is not None:
        # Python can run pip from its wheel without installing it.
        command = [python, f"{wheel.path}/pip", "--disable-pip-version-check", "--no-input"]
        pip = {"PIP_NO_CACHE_DIR": "1"} if "UV_NO_CACHE" in installer.environ else {}
        if installer.as_of:
            pip["PIP_UPLOADED_PRIOR_TO"] = installer.as_of.stamp
        return {"command": command, "environ": pip}
    cutoff = {"UV_EXCLUDE_NEWER": installer.as_of.stamp} if installer.as_of else {}
    uv = {name: value for name, value in installer.environ.items() if name.startswith("UV_")}
    return {"command": [str(UV), "pip"], "environ": {**uv, **cutoff, "VIRTUAL_ENV": str(installer.venv.absolute())}}


def newly_installed(before: Iterable[str], after: Iterable[str]) -> list[str]:
    """Return the lines of the freeze `after` that are not in `before`, without credentials and digests."""
    lines = sorted(set(after) - set(before))
    return [pip_config.without_credentials(line).partition("#")[0] for line in lines]


def to_declare(added: Iterable[str], before: Iterable[str], venv: Path) -> list[str]:
    """Return the lines among `added` that requirements should declare: those that cells requested or changed.

    Their dependencies are installed with them, and left out. If the installers did not record requests, all lines are
    returned.
    """
    # Installers mark packages requested by name with an empty file REQUESTED (PEP 376).
    markers = venv.glob("lib/python*/site-packages/*.dist-info/REQUESTED")
    requested = {canonicalize_name(marker.parent.name.split("-")[0]) for marker in markers}
    explicit = requested | {_name(line) for line in before}
    lines = list(added)
    return [line for line in lines if _name(line) in explicit] or lines


def _name(line: str) -> str:
    """Return the normalised name of the distribution in a line of a freeze."""
    return canonicalize_name(re.split(r"[=@ ]", line, maxsplit=1)[0])


def note_undeclared(added: Iterable[str], before: Iterable[str], log: Log) -> None:
    """Log notes with the entries of requirements that would declare what cells installed: new ones or replacements."""
    replaced = {_name(line): line for line in before}
    lines = list(added)
    entries = ", ".join(f'"{line}"' for line in lines if _name(line) not in replaced)
    if entries:
        log.note(f"pip in the notebook's cells installed packages that 'requirements' does not list; add {entries}.")
    for line in lines:
        if _name(line) in replaced:
            log.note(
                f"pip in the notebook's cells replaced {replaced[_name(line)]}, which 'requirements' had installed. "
                f'The service has "{line}": list that version.'
            )
