"""The Pythons of this machine, archives of Pythons as uv downloads them, and catalogs that list archives.

uv reads a catalog from UV_PYTHON_DOWNLOADS_JSON_URL.
"""

import functools
import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from nb_builder.install import interpreters

import shared
from engine import provide

# What no notebook needs of a Python that pyenv has built.
NOT_PACKED = {"__pycache__", "test", "tests", "idlelib", "turtledemo", "site-packages"}


@functools.cache
def installed() -> dict[str, interpreters.Python]:
    """Return {minor version: interpreter} of this machine; one process of a run looks for them."""
    return shared.once("pythons", interpreters.find)


def stand_in(target: Path, release: str) -> Path:
    """Write an archive with a script in place of the interpreter, which prints what nb-builder asks it for."""
    minor = release.rpartition(".")[0]
    script = f'#!/bin/sh\necho {minor} {release} "$(cd "$(dirname "$0")" && pwd)/python{minor}"\n'
    with tarfile.open(target, "w:gz") as archive:
        for name, text, mode in (
            (f"python/bin/python{minor}", script, 0o755),
            (f"python/lib/python{minor}/os.py", "", 0o644),
            (
                f"python/lib/python{minor}/_sysconfigdata__linux_x86_64-linux-gnu.py",
                "# system configuration generated and used by the sysconfig module\nbuild_time_vars = {}\n",
                0o644,
            ),
        ):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text.encode()), mode
            archive.addfile(member, io.BytesIO(text.encode()))
    return target


def of_installation(target: Path, prefix: Path, minor: str) -> Path:
    """Write an archive of the Python installed in `prefix`, which runs on this machine only."""

    def packed(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        # Debian's has a link into /etc.
        left_out = NOT_PACKED & set(Path(member.name).parts) or member.name.endswith(".a")
        return None if left_out or (member.issym() and member.linkname.startswith("/")) else member

    with tarfile.open(target, "w:gz", compresslevel=1) as archive:
        for name in (f"bin/python{minor}", f"lib/python{minor}"):
            archive.add(prefix / name, f"python/{name}", filter=packed)
        # The name that uv looks for.
        link = tarfile.TarInfo("python/bin/python3")
        link.type, link.linkname = tarfile.SYMTYPE, f"python{minor}"
        archive.addfile(link)
    return target


def of_pyenv(target: Path, prefix: Path, minor: str) -> Path:
    """Write an archive of the Python that pyenv has built in `prefix`, which runs in other folders and in images."""
    patchelf = provide.program("patchelf", "patchelf")
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        top = Path(name) / "python"
        left_out = shutil.ignore_patterns(*NOT_PACKED, "*.a", "config-*", "*tkinter*")
        shutil.copytree(prefix / "lib", top / "lib", symlinks=True, ignore=left_out)
        (top / "lib" / f"python{minor}" / "site-packages").mkdir()
        (top / "bin").mkdir()
        shutil.copy2((prefix / "bin" / f"python{minor}").resolve(), top / "bin" / f"python{minor}")
        (top / "bin" / "python3").symlink_to(f"python{minor}")
        for path in (path for path in top.rglob("*") if path.is_file() and not path.is_symlink()):
            if path.read_bytes()[:4] == b"\x7fELF":
                path.chmod(path.stat().st_mode | 0o200)
                subprocess.run(["strip", "--strip-unneeded", path], check=True)
                # pyenv writes the absolute path of libpython's folder.
                place = f"$ORIGIN/{os.path.relpath(top / 'lib', path.parent)}"
                subprocess.run([patchelf, "--force-rpath", "--set-rpath", place, path], check=True)
        for path in top.rglob("_sysconfigdata*.py"):
            # What uv replaces by the folder of the installation.
            path.write_text(path.read_text().replace(str(prefix), "/install"))
        with tarfile.open(target, "w:gz", compresslevel=1) as archive:
            archive.add(top, "python")
    return target


def catalog(target: Path, archives: Mapping[str, Path], place: str, **changes: object) -> str:
    """Write a catalog of {release: archive} that are served below the URL `place`; return the catalog's path."""
    entries = {}
    for release, archive in archives.items():
        major, minor, patch = map(int, release.split("."))
        machine = platform.machine()
        entries[f"cpython-{release}-linux-{machine}-gnu"] = {
            "name": "cpython",
            "arch": {"family": machine, "variant": None},
            "os": "linux",
            "libc": "gnu",
            "major": major,
            "minor": minor,
            "patch": patch,
            "prerelease": "",
            "url": f"{place}/{archive.name}",
            "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
            "variant": None,
            "build": "20260101",
            **changes,
        }
    target.write_text(json.dumps(entries))
    return str(target)
