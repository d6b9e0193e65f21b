"""Installs Pythons that notebooks need and the machine lacks, with `uv python install`.

In an image they go below `$APP_ROOT/python` (the Dockerfile sets uv's variable for that), on a user's machine into uv's
own folder, which is shared with uv and other builds. The archives come from uv's usual source: its own table, or the
mirror in UV_PYTHON_INSTALL_MIRROR or UV_PYTHON_DOWNLOADS_JSON_URL.

The standard library is not compiled as a whole, which would take longer than the download. Python writes bytecode for
each module that the cells and the verification import; a service imports the same modules when it starts.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from nb_scorer.common import paths

from nb_builder.common.python_places import uv_folder
from nb_builder.install.installer import UV, uv_environ
from nb_builder.requirements import pip_config

# Downloads stop if a mirror sends no byte for this long. Without a limit, uv waits for more than 90 seconds.
MAX_SILENCE_SECONDS = 45.0
# Makes uv itself report a mirror that doesn't respond within that time.
_DEFAULTS = {"UV_HTTP_RETRIES": "1", "UV_HTTP_TIMEOUT": "20"}
_POLL_SECONDS = 0.2
# The folder where uv unpacks an archive while downloading; empty afterwards.
_TEMPORARY = ".temp"
_OTHER_FILES = (".lock", ".gitignore")
_URL = re.compile(r"(?:Failed to (?:download|fetch)|downloads json from):? `?(\w+://[^\s`]+)")


class DownloadFailed(Exception):
    """A Python could not be installed; the message is the reason, as a clause."""


def install(minor: str, environ: Mapping[str, str]) -> None:
    """Install the newest release of Python `minor` into `uv_folder(environ)`; raise DownloadFailed."""
    if environ.get("UV_PYTHON_DOWNLOADS") == "never":
        raise DownloadFailed("UV_PYTHON_DOWNLOADS=never forbids it")
    place = uv_folder(environ)
    # --no-bin: uv would also create a link in ~/.local/bin.
    command: list[str | Path] = [UV, "python", "install", "--no-config", "--no-bin", "--no-progress"]
    command += ["--managed-python", "--install-dir", place, minor]
    try:
        with tempfile.TemporaryFile() as output:
            status = _run(command, _environ(environ), output, place / _TEMPORARY)
            output.seek(0)
            text = pip_config.without_credentials(output.read().decode("utf-8", "replace"))
        if status:
            raise DownloadFailed(_reason(text, minor))
    finally:
        # This is also part of an archive.
        if _is_below_app_root(place, environ) and place.is_dir():
            _remove_uv_files(place)


def keep_only(python: Path, app_root: Path, environ: Mapping[str, str]) -> None:
    """Remove the downloaded Pythons below `app_root`, except the one whose interpreter is `python`.

    An incremental build may have one that the notebook no longer uses.
    """
    place = app_root / paths.PYTHONS
    if place != uv_folder(environ):
        return
    for installation in place.glob("cpython-3.*"):
        if installation.is_dir() and not python.is_relative_to(installation.resolve()):
            shutil.rmtree(installation)


def _environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for the one call of uv that may install a Python."""
    return {**_DEFAULTS, **uv_environ(environ), "UV_PYTHON_DOWNLOADS": "manual"}


def _run(command: list[str | Path], environ: Mapping[str, str], output: IO[bytes], arriving: Path) -> int:
    """Return uv's exit status; raise DownloadFailed if nothing has arrived in `arriving` for too long."""
    process = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    size, changed = 0, time.monotonic()
    try:
        while True:
            try:
                return process.wait(_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                size_before, size = size, _bytes_below(arriving)
            if size != size_before:
                changed = time.monotonic()
            elif time.monotonic() - changed > MAX_SILENCE_SECONDS:
                raise DownloadFailed(f"nothing arrived for {MAX_SILENCE_SECONDS:.0f} seconds")
    finally:
        # This also runs if the build is interrupted.
        if process.poll() is None:
            process.kill()
            process.wait()


def _bytes_below(top: Path) -> int:
    total = 0
    for parent, _, names in os.walk(top):
        for name in names:
            # uv moves the files in the meantime.
            with contextlib.suppress(FileNotFoundError):
                total += os.lstat(os.path.join(parent, name)).st_size
    return total


def _is_below_app_root(place: Path, environ: Mapping[str, str]) -> bool:
    app_root = environ.get("APP_ROOT")
    return bool(app_root) and place.is_relative_to(str(app_root))


def _remove_uv_files(place: Path) -> None:
    """Remove files that uv leaves for its next call: no service needs them."""
    # Links from `cpython-3.12-…` are absolute, so they break if the folder is moved.
    for path in place.iterdir():
        if path.is_symlink():
            path.unlink()
    shutil.rmtree(place / _TEMPORARY, ignore_errors=True)
    for name in _OTHER_FILES:
        (place / name).unlink(missing_ok=True)


def _reason(text: str, minor: str) -> str:
    """Return why uv failed, as a clause: the host, if the failure names one, and the last cause."""
    if "No download found" in text:
        return f"Python {minor} is not published for this machine"
    lines = [line.strip().removeprefix("cause: ").removeprefix("error: ") for line in text.splitlines()]
    lines = [line for line in lines if line]
    if not lines:
        return "uv printed no reason"
    if "Hash mismatch" in text:
        mismatch = next(line for line in lines if "Hash mismatch" in line)
        return f"the archive has another digest than expected: {mismatch.rstrip(':')}"
    urls = _URL.findall(text)
    broken = next((line for line in lines if line.startswith("Failed to extract")), "")
    place = broken or (urlsplit(urls[-1]).netloc if urls else "")
    return f"{place}: {lines[-1]}" if place else lines[-1]
