"""Real clients of other servers, as programs in environments of their own; and a compiler with Grafana's types."""

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import tomllib
from nb_builder.common import digests

from engine import provide

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
HOME = Path(os.environ.get("NB_BUILDER_HOME", ROOT / ".nb-builder"))
LIMIT = 600


def python_of(name: str) -> Path:
    """Return the Python of an environment of environments.toml, made when it is not there; skip where it can't be."""
    (HOME / "clients").mkdir(parents=True, exist_ok=True)
    with open(HOME / "clients" / f".{name}.lock", "w") as lock:
        # Several processes of one run may want it at once.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _made(name)


def _made(name: str) -> Path:
    wanted = tomllib.loads((HERE / "environments.toml").read_text())[name]
    folder = HOME / "clients" / name
    stamp, lock = folder / "stamp", ROOT / "s2i/requirements.lock"
    # Ours have the versions of the lock.
    state = f"{wanted!r} {digests.digest(lock)}" if wanted.get("ours") else repr(wanted)
    if not stamp.exists() or stamp.read_text() != state:
        uv = [HOME / "build/bin/uv", "--quiet"]
        ours = wanted.get("ours", ())
        code = [part for path in ours for part in ("-e", f"{ROOT}/{path}")]
        code += ["-c", lock] if ours else []
        shutil.rmtree(folder, ignore_errors=True)
        for command in (
            ["venv", "--python", HOME / "test/bin/python", folder],
            ["pip", "install", "--python", folder, *wanted.get("packages", ()), *code],
        ):
            ran = subprocess.run([*uv, *command], capture_output=True, text=True, timeout=LIMIT)
            if ran.returncode:
                # The first line is the error, the last one a hint.
                pytest.skip(f"the clients' environment {name} can't be made: {ran.stderr.strip().splitlines()[0]}")
        stamp.write_text(state)
    return folder / "bin" / "python"


def modules_of(name: str) -> Path:
    """Return a folder that has the packages of npm that NAME.json wants, made when they are not there; or skip."""
    npm = provide.program("npm", "nodejs", "npm")
    folder, wanted = HOME / "clients" / name, (HERE / f"{name}.json").read_text()
    folder.mkdir(parents=True, exist_ok=True)
    with open(HOME / "clients" / f".{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = folder / "stamp"
        if not stamp.exists() or stamp.read_text() != wanted:
            (folder / "package.json").write_text(wanted)
            # Nothing of theirs is run while it is installed.
            command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
            ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT)
            if ran.returncode:
                pytest.skip(f"the packages of {name}.json can't be had: {ran.stderr.strip().splitlines()[-1]}")
            stamp.write_text(wanted)
    return folder


def run(name: str, *words: object, **env: str) -> str:
    """Return what the Python of that environment prints when it is called with `words`, and variables."""
    # Without -P: programs of this folder may import each other.
    command = [python_of(name), "-E", "-s", *map(str, words)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, env={**os.environ, **env})
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def ask(name: str, program: str, *words: object, **env: str) -> object:
    """Run a program of this folder with that environment, and variables; return the JSON that it printed last."""
    return json.loads(run(name, HERE / program, *words, **env).strip().splitlines()[-1])


def ask_all(number: int, name: str, program: str, *words: object) -> None:
    """Run a program that prints cases (see counted.py); fail unless there are `number`, each with what is wanted."""
    cases = ask(name, program, *words)
    wrong = [f"{case}: {got}, and not {wanted}" for case, (got, wanted) in cases.items() if got != wanted]
    assert not wrong, "\n".join([f"{len(wrong)} of {len(cases)} cases:", *wrong])
    assert len(cases) == number, f"{len(cases)} cases were asked, and {number} are told of"
