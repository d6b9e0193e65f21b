"""Creates a model's environment once, from its lock: with pip from an index, or from wheels in the file."""

import fcntl
import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

from nb_scorer.common import paths
from nb_scorer.model import manifest
from nb_scorer.protocol import launch
from nb_scorer.zipapp import layout
from nb_scorer.zipapp.problems import ZipappDamaged, ZipappEnvironment, ZipappPython

READY = ".ready"
_OF_ANY_MACHINE = "-any.whl"
_DATA = re.compile(r"[^/]+\.data/(purelib|platlib|scripts|data)/(.+)")
_MINOR = re.compile(r"[0-9]+\.[0-9]+\Z")
_PIP_OPTIONS = ("--disable-pip-version-check", "--no-input", "--quiet")


def minor_of(carried, digests):
    """Return the Python version in the model's manifest, such as "3.11"; raise ZipappDamaged or as `content`."""
    name = layout.MODEL + paths.MANIFEST
    if name not in carried.names:
        raise ZipappDamaged(carried.path, "it contains no model")
    minor = manifest.parsed(carried.content(name, digests[name])).get("python")
    if not (isinstance(minor, str) and _MINOR.match(minor)):
        raise ZipappDamaged(carried.path, "{} contains no version of Python".format(name))
    return minor


def python_of(minor):
    """Return a Python of that minor version: this one, or one on PATH; raise ZipappPython."""
    here = "{}.{}".format(*sys.version_info[:2])
    if here == minor:
        return sys.executable
    python = shutil.which("python" + minor)
    if python is None:
        raise ZipappPython(minor, here)
    return python


def made(carried, digests, minor, cache):
    """Return the Python of the environment for the file's model, below `cache`, creating it if needed.

    `digests` are those of the file's contents, with which installed files are verified. Raise ZipappPython,
    ZipappEnvironment, ZipappDamaged or ZipappUntrusted.
    """
    base = python_of(minor)
    listed = layout.WHEELS_LIST if layout.WHEELS_LIST in carried.names else layout.LOCK
    if listed not in carried.names:
        raise ZipappDamaged(carried.path, "it has no {}".format(layout.LOCK))
    # An environment is identified by its list and these exact packages, and differs from an unverified one.
    packages = [[name, digests[name]] for name in sorted(carried.names) if layout.is_wheel(name)]
    facts = [digests[listed], listed, packages, minor, os.path.realpath(base)]
    venv = os.path.join(cache, "venvs", hashlib.sha256(json.dumps(facts).encode("ascii")).hexdigest()[:32])
    python = os.path.join(venv, "bin", "python")
    ready = os.path.join(venv, READY)
    if not os.path.exists(ready):
        try:
            os.makedirs(os.path.dirname(venv), mode=0o700, exist_ok=True)
            with io.open(venv + ".lock", "w") as lock:
                # If several start at once, one creates it.
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not os.path.exists(ready):
                    make(carried, digests, base, venv)
                    io.open(ready, "w").close()
        except OSError as error:
            raise ZipappEnvironment(venv, error.strerror or str(error))
    return python


def make(carried, digests, base, venv):
    """Create the environment in the folder `venv` for the Python `base`; raise OSError and as `made` does."""
    shutil.rmtree(venv, ignore_errors=True)
    if layout.WHEELS_LIST in carried.names:
        _require_machine(carried, venv)
        _run(venv, [base, "-I", "-m", "venv", "--without-pip", venv])
        for name in sorted(carried.names):
            if layout.is_wheel(name):
                _install_wheel(carried, name, digests[name], venv)
        return
    sys.stderr.write("Installing the model's packages into {}\n".format(venv))
    with tempfile.TemporaryDirectory() as scratch:
        lock = os.path.join(scratch, "requirements.lock")
        carried.unpack(layout.LOCK, lock, digests[layout.LOCK])
        _install_lock(lock, base, venv)


def _install_lock(lock, base, venv):
    options = ["install", "--require-hashes", "--no-deps", "--requirement", lock]
    options.extend(_PIP_OPTIONS)
    try:
        # Debian packages pip separately, or omits it.
        _run(venv, [base, "-I", "-m", "venv", venv])
        pip = [os.path.join(venv, "bin", "python"), "-I", "-m", "pip"]
    except ZipappEnvironment:
        shutil.rmtree(venv, ignore_errors=True)
        _run(venv, [base, "-I", "-m", "venv", "--without-pip", venv])
        pip = [base, "-I", "-m", "pip"]
        options += ["--target", _site_packages(venv)]
    _run(venv, pip + options)


def _run(venv, command):
    """Run a command; raise ZipappEnvironment with its last output if it fails."""
    ran = subprocess.run(
        command,
        env=launch.environment(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if ran.returncode:
        said = ran.stdout.decode("utf-8", "replace").strip()
        sys.stderr.write(said + "\n" if said else "")
        reason = "{} failed; its output is above".format(" ".join(command[2:5]))
        raise ZipappEnvironment(venv, reason)


def _require_machine(carried, venv):
    """Raise ZipappEnvironment for wheels that were compiled for another kind of machine."""
    compiled = [name for name in carried.names if layout.is_wheel(name) and not name.endswith(_OF_ANY_MACHINE)]
    made_for, here = carried.facts.get("machine"), machine()
    if compiled and made_for != here:
        raise ZipappEnvironment(venv, "packages in the file are for {}, and this is {}".format(made_for, here))


def machine():
    """Return the platform that compiled wheels depend on: processor and C library."""
    return "{} {}".format(platform.machine(), platform.libc_ver()[0] or "another C library").strip()


def _site_packages(venv):
    folder = os.path.join(venv, "lib")
    (name,) = [name for name in os.listdir(folder) if name.startswith("python")]
    return os.path.join(folder, name, "site-packages")


def _install_wheel(carried, name, digest, venv):
    """Unpack a wheel into the environment, without the commands that pip would create."""
    places = {"purelib": _site_packages(venv), "platlib": _site_packages(venv), "data": venv}
    places["scripts"] = os.path.join(venv, "bin")
    path = os.path.join(venv, os.path.basename(name))
    carried.unpack(name, path, digest)
    try:
        with zipfile.ZipFile(path) as wheel:
            for entry in wheel.infolist():
                match = _DATA.match(entry.filename)
                kind, inner = match.groups() if match else ("purelib", entry.filename)
                if not entry.filename.endswith("/"):
                    _write(wheel, entry, places[kind], inner, venv)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ZipappEnvironment(venv, "{} is not a wheel ({})".format(name, error))
    finally:
        os.unlink(path)


def _write(wheel, entry, folder, inner, venv):
    target = os.path.normpath(os.path.join(folder, inner))
    # The environment has links to the Python that created it, and a script called python would overwrite that Python.
    is_inside = os.path.realpath(target).startswith(os.path.realpath(venv) + os.sep)
    if not (target.startswith(folder + os.sep) and is_inside):
        raise ZipappEnvironment(folder, "{} leads out of it".format(inner))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with wheel.open(entry) as source, io.open(target, "wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
    if entry.external_attr >> 16 & 0o100:
        os.chmod(target, 0o755)  # noqa: S103 - a program, in a folder of this user's own
