"""Small virtual environments with distributions made up here: RECORD, modules, and what else a wheel brings."""

import subprocess
import sys
import textwrap
from pathlib import Path


def make(folder: Path) -> Path:
    """Return an empty virtual environment of this Python in `folder`, without pip."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder


def site(venv: Path) -> Path:
    """Return the folder of packages of `venv`."""
    return next(venv.glob("lib/python*/site-packages"))


def install(venv: Path, name: str, files: dict[str, str], *, version="1.0", requires=(), entry_points="") -> None:
    """Put a distribution with `files` ({path below site-packages: text}) into `venv`, as an installer does."""
    packages = site(venv)
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {line}" for line in requires]
    told = {**files, f"{info}/METADATA": "\n".join(lines) + "\n", f"{info}/INSTALLER": "made up\n"}
    if entry_points:
        told[f"{info}/entry_points.txt"] = textwrap.dedent(entry_points)
    record = f"{info}/RECORD"
    told[record] = "".join(f"{path},,\n" for path in [*told, record])
    for path, text in told.items():
        place = packages / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(textwrap.dedent(text))
