"""Install the requirements: uv, or pip where uv can't serve; say in the user's words why it failed."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version
from virtualenv.seed.wheels.embed import get_embed_wheel

from nb_builder.common import digests
from nb_builder.common.log import Log
from nb_builder.common.resolve_date import AsOf
from nb_builder.install import missing_wheels, resolver_errors
from nb_builder.problems.base import BuildProblem
from nb_builder.problems.requirements import InstallFailed
from nb_builder.requirements import lock_file as locks
from nb_builder.requirements import pip_config
from nb_builder.requirements.collect import CLOUDPICKLE, Wanted
from nb_builder.requirements.lock_file import Locked
from nb_builder.requirements.logical_lines import logical

UV = Path(sys.executable).with_name("uv")

# uv takes a folder for unchanged where its pyproject.toml is as old as before, whatever its modules say.
_FRESH = ("--refresh",)

# The first that say what they have installed, and that can be held to a date.
_PIP_WITH_REPORT = Version("22.2")
_PIP_WITH_DATES = Version("26.0")


@dataclass(frozen=True)
class Before:
    """What the build before installed: what it was asked, as `Installer.asked` says it, its date, its lock's file."""

    asked: object
    as_of: object
    lock: Path


class Installer:
    """Installs into one environment, with the settings that users gave pip."""

    def __init__(
        self, venv: Path, minor: str, choice: str, environ: Mapping[str, str], log: Log, as_of: AsOf | None = None
    ) -> None:
        """Take the interpreter's folder and minor version, S2I_INSTALLER, the environment, and a date."""
        self.python = venv / "bin" / "python"
        self.venv = venv
        self.minor = minor
        self.choice = choice
        self.log = log
        self.as_of = as_of
        # cloudpickle is there for us: an old one could not save what a newer Python has compiled.
        exempt = ["--exclude-newer-package", f"{CLOUDPICKLE}=false"]
        self.cutoff = ["--exclude-newer", as_of.stamp, *exempt] if as_of else []
        # Nobody is there to type a password for git.
        self.environ = {**uv_environ(environ), "GIT_TERMINAL_PROMPT": "0"}
        self.flags = pip_config.for_uv(pip_config.read(environ), environ)[1]
        self.uv_options: list[str | Path] = ["--no-progress", "--python", self.python, *self.flags]
        self.uv_compile: list[str | Path] = [UV, "pip", "compile", "--no-header", "--no-annotate"]
        self.uv_compile += [*self.uv_options, *self.cutoff]

    def asked(self, wanted: Wanted) -> str:
        """Return what the answer to `wanted` depends on, the date included; "" where that can't be told."""
        facts = {"wanted": wanted.fingerprint, "as_of": self.as_of.stamp if self.as_of else None}
        return digests.fingerprint(facts) if wanted.fingerprint else ""

    def install(self, wanted: Wanted, lock: Path, before: Before | None = None) -> None:
        """Write `lock` (versions and digests of all that `wanted` needs) and install exactly that.

        A lock of the repository is taken as it is. With `before`, whose packages are there already, only
        what differs is installed or removed. Raises the problem that explains a failure.
        """
        with tempfile.TemporaryDirectory() as scratch:
            self._install(wanted, lock, before, Path(scratch))

    def _install(self, wanted: Wanted, lock: Path, before: Before | None, scratch: Path) -> None:
        # "" is no answer to build on: what it depends on can't be told.
        unchanged = before is not None and self.asked(wanted) == (before.asked or None)
        # What was resolved to another date, newer or older, is no hint.
        if before and (unchanged or before.as_of == (self.as_of.stamp if self.as_of else None)):
            lock.write_bytes(before.lock.read_bytes())
        if unchanged:
            self.log.line("     unchanged since the build before")
            text = lock.read_text(encoding="utf-8")
        elif wanted.lock:
            self.log.line(f"     exactly as {wanted.lock.name} of the repository says")
            text = wanted.lock.read_text(encoding="utf-8-sig")
            lock.write_bytes(wanted.lock.read_bytes())
        else:
            resolved = self._resolve(wanted, lock, scratch) if self.choice != "pip" else None
            if resolved is None:
                self._with_pip(wanted, lock, scratch)
                return
            text = resolved
            self._write(lock, locks.public(text, wanted.top))
        # What builds a package from its source has to be of the date as well; a given lock is taken as it is.
        cutoff = [] if wanted.lock else self.cutoff
        self._sync(locks.parse(text, wanted.top, lock.name), scratch, wanted.asked.folders, cutoff)

    def _write(self, lock: Path, text: str) -> None:
        """Write what was resolved, below the date that it was resolved to."""
        date = f"# Resolved as of {self.as_of.stamp}, by {self.as_of.source}.\n" if self.as_of else ""
        lock.write_text(date + text, encoding="utf-8")

    def _sync(self, locked: Locked, scratch: Path, folders: Iterable[Path], cutoff: Sequence[str]) -> None:
        """Make the environment hold what is locked, and nothing else."""
        # The lock was made under the user's constraints; beside digests uv would want each of them pinned.
        environ = {name: value for name, value in self.environ.items() if name != "UV_CONSTRAINT"}
        options = [*self.uv_options, *cutoff]
        digested = _written(scratch / "digested.txt", locked.digested)
        # sync and not install: what the build before had and this one does not want is removed.
        sync: list[str | Path] = [
            UV,
            "pip",
            "sync",
            *options,
            "--require-hashes",
            "--allow-empty-requirements",
            digested,
        ]
        commands: list[list[str | Path]] = [sync]
        if locked.sources:
            # Beside the others: what is built here has no digest that could be known before.
            sources = _written(scratch / "sources.txt", locked.sources)
            commands.append([UV, "pip", "install", *options, *_FRESH, "--no-deps", "--requirements", sources])
        for command in commands:
            words = self._run(command, environ, folders)
            if words is not None:
                raise self._failure(words)

    def _resolve(self, wanted: Wanted, lock: Path, scratch: Path) -> str | None:
        """Return what uv would install, one lock's line each; None where uv can't serve and pip is to try."""
        target = scratch / "resolved.txt"
        if lock.exists():
            # uv prefers the versions that it has taken before.
            entries = (line for _, line in logical(lock.read_text(encoding="utf-8")))
            _written(target, (line for line in entries if "==" in line and " @ " not in line))
        fresh = _FRESH if wanted.asked.folders else ()
        command = [*self.uv_compile, *fresh, "--generate-hashes", "--output-file", target, wanted.emitted]
        words = self._run(command, folders=wanted.asked.folders)
        if words is None:
            return locks.pinned(target.read_text(encoding="utf-8"), wanted.asked.lines)
        problem = self._failure(words, wanted=wanted)
        if self.choice == "uv" or not isinstance(problem, InstallFailed):
            raise problem
        self.log.note(f"uv can't serve here ({problem.facts['reason']}); trying pip.")
        return None

    def freeze(self) -> str:
        """Return what is installed, one `name==version` a line."""
        command: list[str | Path] = [UV, "pip", "freeze", "--python", self.python]
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, check=True).stdout

    def offers(self, requirement: str) -> bool:
        """Return whether the index has what `requirement` says, for this Python; nothing is installed."""
        command: list[str | Path] = [
            UV,
            "pip",
            "install",
            "--dry-run",
            "--no-deps",
            "--reinstall",
            *self.uv_options,
            *self.cutoff,
            requirement,
        ]
        return self._run(command) is None

    def _with_pip(self, wanted: Wanted, lock: Path, scratch: Path) -> None:
        place, version = self._pip(scratch)
        pip: list[str | Path] = [self.python, place, "--disable-pip-version-check", "--no-input"]
        report = scratch / "report.json"
        cutoff = ["--uploaded-prior-to", self.as_of.stamp] if self.as_of else []
        if lacking := _lacking(version, self.as_of):
            reason = f"pip {version}, the newest one for Python {self.minor}, {lacking}"
            raise InstallFailed(reason=reason, installer="pip", python=self.minor)
        command: list[str | Path] = [*pip, "install", "--no-compile", "--report", report, *cutoff, "-r", wanted.emitted]
        words = self._run(command, folders=wanted.asked.folders)
        if words is not None:
            raise self._failure(words, "pip", wanted)
        text = _lock_of(json.loads(report.read_text(encoding="utf-8")))
        self._write(lock, locks.public(text, wanted.top))

    def _pip(self, scratch: Path) -> tuple[str, Version]:
        """Return what to have Python run for a pip that goes with it, and its version.

        It is never installed into the notebook's environment: a wheel can be run as it is, and so can a folder.
        """
        wheel = get_embed_wheel("pip", self.minor)
        if wheel is not None:
            return f"{wheel.path}/pip", Version(wheel.version)
        # virtualenv has one for Pythons of today alone; the index keeps the last one for each older Python.
        folder = scratch / "pip"
        words = self._run([UV, "pip", "install", *self.uv_options, "--target", folder, "pip"])
        if words is not None:
            raise self._failure(words)
        found = next(folder.glob("pip-*.dist-info")).name
        return str(folder / "pip"), Version(found.removeprefix("pip-").removesuffix(".dist-info"))

    def _failure(self, words: str, installer: str = "uv", wanted: Wanted | None = None) -> BuildProblem:
        """Return what its words mean; for a build from source that failed, with the wheels that there are."""
        ask: list[str | Path] = [UV, "pip", "compile", *self.flags, *self.cutoff]
        written_in = wanted.written_in if wanted else None
        missing = missing_wheels.explain(words, uv=ask, environ=self.environ, minor=self.minor, written_in=written_in)
        return missing or self.explain(words, installer)

    def explain(self, words: str, installer: str) -> BuildProblem:
        """Return the problem that the words of `installer` (uv or pip) tell of."""
        return resolver_errors.of(words, installer, venv=self.venv, minor=self.minor, as_of=self.as_of)

    def _run(
        self,
        command: Sequence[str | Path],
        environ: Mapping[str, str] | None = None,
        folders: Iterable[Path] = (),
    ) -> str | None:
        """Run an installer; return None if it succeeded, else its words without credentials.

        `folders` are those that it builds, and are left as they were.
        """
        with as_it_was(folders):
            ran = subprocess.run(
                command,
                env=environ or self.environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
            )
        return pip_config.without_credentials(ran.stdout) if ran.returncode else None


def uv_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for uv: pip's settings translated, nothing of Python's that could mislead it."""
    variables, _ = pip_config.for_uv(pip_config.read(environ), environ)
    result = {**environ, **variables, "UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1"}
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
        result.pop(name, None)
    if "UV_CACHE_DIR" in variables:
        # Who names a cache wants it used, also in an image, where none is kept by default.
        result.pop("UV_NO_CACHE", None)
    return result


@contextmanager
def as_it_was(folders: Iterable[Path]) -> Iterator[None]:
    """Remove what building the projects in `folders` adds to them: setuptools writes into what it builds."""
    before = {folder: set(folder.rglob("*")) for folder in folders}
    try:
        yield
    finally:
        for folder, known in before.items():
            # The deepest first, so that folders are empty when their turn comes.
            for path in sorted(set(folder.rglob("*")) - known, reverse=True):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def _lacking(version: Version, as_of: AsOf | None) -> str:
    """Return what a pip of that version can't, with the way out; "" where it can do all."""
    if version < _PIP_WITH_REPORT:
        return "can't say what it installs, which the lock is made of; a newer Python (S2I_PYTHON) has one that can"
    if as_of and version < _PIP_WITH_DATES:
        return "can't be held to a date; pin the versions in place of S2I_RESOLVE_AS_OF"
    return ""


def _written(path: Path, lines: Iterable[str]) -> Path:
    """Write lines to `path` and return it."""
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def _lock_of(report: dict) -> str:
    """Return the lock that says what pip, by its installation report, has installed."""
    return "".join(sorted(_locked(item["metadata"], item["download_info"]) for item in report["install"]))


def _locked(metadata: dict, source: dict) -> str:
    name = metadata["name"].lower()
    folder = f"#subdirectory={source['subdirectory']}" if "subdirectory" in source else ""
    if "vcs_info" in source:
        return f"{name} @ git+{source['url']}@{source['vcs_info']['commit_id']}{folder}\n"
    if "dir_info" in source:
        return f"{name} @ {source['url']}\n"
    hashes = source.get("archive_info", {}).get("hashes", {})
    pinned = "".join(f" --hash={kind}:{digest}" for kind, digest in sorted(hashes.items()))
    return f"{name}=={metadata['version']}{pinned}\n"
