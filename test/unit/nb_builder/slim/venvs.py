"""Small virtual environments with made-up distributions: RECORD, modules, and what else a wheel contains."""

import subprocess
import sys
import textwrap
from pathlib import Path


def make(folder: Path) -> Path:
    """Return an empty virtual environment of this Python in `folder`, without pip."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder


def site(venv: Path) -> Path:
    """Return the site-packages of `venv`."""
    return next(venv.glob("lib/python*/site-packages"))


def install(venv: Path, name: str, files: dict[str, str], *, version="1.0", requires=(), entry_points="") -> None:
    """Put a distribution with `files` ({path below site-packages: text}) into `venv`, as an installer does."""
    packages = site(venv)
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {line}" for line in requires]
    contents = {**files, f"{info}/METADATA": "\n".join(lines) + "\n", f"{info}/INSTALLER": "made up\n"}
    if entry_points:
        contents[f"{info}/entry_points.txt"] = textwrap.dedent(entry_points)
    record = f"{info}/RECORD"
    contents[record] = "".join(f"{path},,\n" for path in [*contents, record])
    for path, text in contents.items():
        target = packages / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(text))
