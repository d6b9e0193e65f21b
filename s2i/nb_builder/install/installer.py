"""Installs the requirements with uv, or with pip if uv can't, and converts a failure to a problem for the user."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version
from virtualenv.seed.wheels.embed import get_embed_wheel

from nb_builder.common import digests, programs
from nb_builder.common.log import Log
from nb_builder.common.resolve_date import AsOf
from nb_builder.install import missing_wheels, resolver_errors
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.problems.packages import InstallFailed
from nb_builder.requirements import lock_file as locks
from nb_builder.requirements import pip_config
from nb_builder.requirements.collect import CLOUDPICKLE, Wanted
from nb_builder.requirements.lock_file import Locked
from nb_builder.requirements.logical_lines import logical

UV = Path(sys.executable).with_name("uv")

# Metadata that uv uses instead of metadata that it rejects, and the Pythons for which these releases have wheels.
_CORRECTED = Path(__file__).with_name("corrected_metadata.toml")
_CORRECTED_FOR = ("3.6", "3.7")

# uv builds source distributions with setuptools 40.8 or newer, first released on this day.
_BUILD_TOOLS = ("setuptools", "wheel")
_BUILDS_BY_UV_FROM = "2019-02-05"
# Releases of patsy before this day can't parse a formula with Python from 3.6.7 and 3.7.1 on.
_FORMULAS_FROM = "2018-10-26"

# uv considers a folder unchanged while its pyproject.toml keeps its time, even if modules have changed.
_FRESH = ("--refresh",)

# The first versions of pip with --report, and with --uploaded-prior-to.
_PIP_WITH_REPORT = Version("22.2")
_PIP_WITH_DATES = Version("26.0")


@dataclass(frozen=True)
class Previous:
    """What the previous build installed: its `Installer.fingerprint`, its date, the path of its lock.

    `is_exact` means that its environment contains exactly the lock's packages: no cell installed anything.
    """

    fingerprint: object
    as_of: object
    lock: Path
    is_exact: bool = False


class Installer:
    """Installs into one environment, with the user's pip settings."""

    def __init__(
        self, venv: Path, minor: str, choice: str, environ: Mapping[str, str], log: Log, as_of: AsOf | None = None
    ) -> None:
        """Take the venv and its Python's minor version, S2I_INSTALLER, the environment, and a date to resolve to."""
        self.python = venv / "bin" / "python"
        self.venv = venv
        self.minor = minor
        self.choice = choice
        self.log = log
        self.as_of = as_of
        self.cutoff = cutoff(as_of)
        self.environ = resolving_environ(minor, environ)
        self.flags = pip_config.for_uv(pip_config.read(environ), environ)[1]
        self.uv_options: list[str | Path] = ["--no-progress", "--python", self.python, *self.flags]
        self.uv_compile: list[str | Path] = [UV, "pip", "compile", "--no-header", "--no-annotate"]
        self.uv_compile += [*self.uv_options, *self.cutoff]

    def fingerprint(self, wanted: Wanted) -> str:
        """Return a digest of all that the resolution of `wanted` depends on, including the date; "" if unknown."""
        facts = {"wanted": wanted.fingerprint, "as_of": self.as_of.stamp if self.as_of else None}
        return digests.fingerprint(facts) if wanted.fingerprint else ""

    def install(self, wanted: Wanted, lock: Path, previous: Previous | None = None) -> None:
        """Write `lock` (versions and digests of all that `wanted` needs) and install exactly that.

        A lock in the repository is used unchanged. With `previous`, whose packages are already installed, only
        differences are installed or removed. Raises the problem that explains a failure.
        """
        with tempfile.TemporaryDirectory() as scratch:
            self._install(wanted, lock, previous, Path(scratch))

    def _install(self, wanted: Wanted, lock: Path, previous: Previous | None, scratch: Path) -> None:
        # A fingerprint of "" means unknown, and must never count as unchanged.
        unchanged = previous is not None and self.fingerprint(wanted) == (previous.fingerprint or None)
        # The previous lock is a hint for the resolver, unless it was resolved to another date.
        if previous and (unchanged or previous.as_of == (self.as_of.stamp if self.as_of else None)):
            lock.write_bytes(previous.lock.read_bytes())
        if unchanged:
            self.log.detail("unchanged since the previous build")
            text = lock.read_text(encoding="utf-8")
        elif wanted.lock:
            self.log.detail(f"exactly as locked in {wanted.lock.name} of the repository")
            text = wanted.locked
            lock.write_text(text, encoding="utf-8")
        else:
            resolution = self._resolve(wanted, lock, scratch) if self.choice != "pip" else None
            if resolution is None:
                self._with_pip(wanted, lock, scratch)
                return
            text = resolution
            self._write(lock, locks.public(text, wanted.top))
        # Build dependencies must fit the date, too. A lock in the repository is used unchanged.
        cutoff = [] if wanted.lock else self.cutoff
        locked = locks.parse(text, wanted.top, lock.name)
        if unchanged and previous and previous.is_exact and not locked.sources:
            return
        self._sync(locked, scratch, wanted.asked.folders, cutoff)

    def _write(self, lock: Path, text: str) -> None:
        """Write the lock's `text`, after a comment with the date that it was resolved to."""
        date = f"# Resolved as of {self.as_of.stamp}, by {self.as_of.source}.\n" if self.as_of else ""
        lock.write_text(date + text, encoding="utf-8")

    def _sync(self, locked: Locked, scratch: Path, folders: Iterable[Path], cutoff: Sequence[str]) -> None:
        """Make the environment hold exactly the packages of `locked`."""
        # The lock already respects the user's constraints, and with --require-hashes, uv would require each of them to
        # be pinned.
        environ = {name: value for name, value in self.environ.items() if name != "UV_CONSTRAINT"}
        options = [*self.uv_options, *cutoff]
        digested = _write_lines(scratch / "digested.txt", locked.digested)
        # Unlike install, sync also removes packages that only the previous build needed.
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
            # Installed separately, because --require-hashes needs digests, and packages built here have none in
            # advance.
            sources = _write_lines(scratch / "sources.txt", locked.sources)
            commands.append([UV, "pip", "install", *options, *_FRESH, "--no-deps", "--requirements", sources])
        for command in commands:
            output = self._run(command, environ, folders)
            if output is not None:
                raise self._failure(output)

    def _resolve(self, wanted: Wanted, lock: Path, scratch: Path) -> str | None:
        """Return the lock that uv resolves; None if uv can't and pip should be tried. Raises other problems."""
        target = scratch / "resolved.txt"
        if lock.exists():
            # uv prefers the versions in its output file.
            entries = (line for _, line in logical(lock.read_text(encoding="utf-8")))
            _write_lines(target, (line for line in entries if "==" in line and " @ " not in line))
        fresh = _FRESH if wanted.asked.folders else ()
        command = [*self.uv_compile, *fresh, "--generate-hashes", "--output-file", target, wanted.emitted]
        output = self._run(command, folders=wanted.asked.folders)
        if output is None:
            return locks.pinned(target.read_text(encoding="utf-8"), wanted.asked.lines)
        problem = self._failure(output, wanted=wanted)
        if self.choice == "uv" or not isinstance(problem, InstallFailed):
            raise problem
        self.log.note(f"uv can't install these requirements ({problem.facts['reason']}); trying pip.")
        return None

    def freeze(self) -> str:
        """Return the installed packages, one `name==version` per line."""
        command: list[str | Path] = [UV, "pip", "freeze", "--python", self.python]
        return programs.run(command, env=self.environ, check=True).stdout

    def offers(self, requirement: str) -> bool:
        """Return whether the index has `requirement` for this Python; nothing is installed."""
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

    def has_wheels(self, wanted: Wanted, minor: str) -> bool:
        """Return whether the index has wheels of all that `wanted` needs for Python `minor`, installed or not."""
        with tempfile.TemporaryDirectory() as scratch:
            command: list[str | Path] = [*self.uv_compile, "--python-version", minor, "--only-binary", ":all:"]
            command += ["--output-file", Path(scratch) / "resolved.txt", wanted.lock or wanted.emitted]
            return self._run(command) is None

    def resolves_alike(self, wanted: Wanted, as_of: AsOf) -> bool:
        """Return whether `wanted` resolves to the installed packages as of another date; False if unknown."""
        with tempfile.TemporaryDirectory() as scratch:
            target = Path(scratch) / "resolved.txt"
            command = [*self.uv_compile, *cutoff(as_of), "--output-file", target, wanted.emitted]
            if self._run(command, folders=wanted.asked.folders) is not None:
                return False
            resolved = {line.partition(" ")[0] for line in target.read_text("utf-8").splitlines() if "==" in line}
        return resolved <= set(self.freeze().splitlines())

    def _with_pip(self, wanted: Wanted, lock: Path, scratch: Path) -> None:
        pip_path, version = self._pip(scratch)
        pip: list[str | Path] = [self.python, pip_path, "--disable-pip-version-check", "--no-input"]
        report = scratch / "report.json"
        cutoff = ["--uploaded-prior-to", self.as_of.stamp] if self.as_of else []
        if shortcoming := _shortcoming(version, self.as_of):
            reason = f"pip {version}, the newest one for Python {self.minor}, {shortcoming}"
            raise InstallFailed(reason=reason, installer="pip", python=self.minor)
        command: list[str | Path] = [*pip, "install", "--no-compile", "--report", report, *cutoff, "-r", wanted.emitted]
        output = self._run(command, folders=wanted.asked.folders)
        if output is not None:
            raise self._failure(output, "pip", wanted)
        text = _lock_of(json.loads(report.read_text(encoding="utf-8")))
        self._write(lock, locks.public(text, wanted.top))

    def _pip(self, scratch: Path) -> tuple[str, Version]:
        """Return the path of a pip that Python can run, and its version.

        pip is never installed into the notebook's environment: Python can run it from a wheel or a folder.
        """
        wheel = get_embed_wheel("pip", self.minor)
        if wheel is not None:
            return f"{wheel.path}/pip", Version(wheel.version)
        # virtualenv includes pip only for current Pythons; the index has the last pip for each older one.
        folder = scratch / "pip"
        output = self._run([UV, "pip", "install", *self.uv_options, "--target", folder, "pip"])
        if output is not None:
            raise self._failure(output)
        dist_info = next(folder.glob("pip-*.dist-info")).name
        return str(folder / "pip"), Version(dist_info.removeprefix("pip-").removesuffix(".dist-info"))

    def _failure(self, output: str, installer: str = "uv", wanted: Wanted | None = None) -> BuildProblem:
        """Return the problem in an installer's `output`; for a failed build from source it names existing wheels."""
        uv_compile: list[str | Path] = [UV, "pip", "compile", *self.flags, *self.cutoff]
        written_in = wanted.written_in if wanted else None
        missing = missing_wheels.explain(
            output, uv=uv_compile, environ=self.environ, minor=self.minor, written_in=written_in
        )
        return missing or self.explain(output, installer)

    def explain(self, output: str, installer: str) -> BuildProblem:
        """Return the problem that the `output` of `installer` (uv or pip) shows."""
        return resolver_errors.explain(output, installer, venv=self.venv, minor=self.minor, as_of=self.as_of)

    def _run(
        self,
        command: Sequence[str | Path],
        environ: Mapping[str, str] | None = None,
        folders: Iterable[Path] = (),
    ) -> str | None:
        """Run an installer; return None if it succeeded, else its output without credentials.

        `folders` are projects that it builds; files that a build adds to them are removed.
        """
        with build_files_removed(folders):
            completed = programs.run(command, env=environ or self.environ, stderr=subprocess.STDOUT)
        return pip_config.without_credentials(completed.stdout) if completed.returncode else None


def cutoff(as_of: AsOf | None) -> list[str]:
    """Return uv's options for a date to resolve to."""
    if as_of is None:
        return []
    # nb-builder requires cloudpickle, and an old release could not save functions of a newer Python.
    exempt = [CLOUDPICKLE, *(_BUILD_TOOLS if as_of.day < _BUILDS_BY_UV_FROM else ())]
    exempt += ["patsy"] if as_of.day < _FORMULAS_FROM else []
    return ["--exclude-newer", as_of.stamp, *(option for name in exempt for option in _exempted(name))]


def _exempted(name: str) -> tuple[str, str]:
    return "--exclude-newer-package", f"{name}=false"


def resolving_environ(minor: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with which uv resolves and installs for the Python `minor`."""
    # Without a terminal, git would wait for a password for ever.
    result = {**uv_environ(environ), "GIT_TERMINAL_PROMPT": "0"}
    if minor in _CORRECTED_FOR and not _has_uv_settings(environ):
        result["UV_CONFIG_FILE"] = str(_CORRECTED)
    return result


def _has_uv_settings(environ: Mapping[str, str]) -> bool:
    """Return whether the user or the machine has settings for uv, which another file must not replace."""
    home = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME", "/"), ".config")
    files = (os.path.join(home, "uv", "uv.toml"), "/etc/uv/uv.toml")
    return "UV_CONFIG_FILE" in environ or any(map(os.path.isfile, files))


def uv_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for uv: pip's settings translated, without variables that point at other Pythons."""
    variables, _ = pip_config.for_uv(pip_config.read(environ), environ)
    # uv would read uv.toml and pyproject.toml of the current folder, which may be a repository, and they may name
    # indexes. The user's own files and those of the machine still apply.
    result = {**environ, **variables, "UV_PROJECT": os.sep, "UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1"}
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
        result.pop(name, None)
    if "UV_CACHE_DIR" in variables:
        # A cache that the user has set is used, even in an image, which has none by default.
        result.pop("UV_NO_CACHE", None)
    return result


@contextmanager
def build_files_removed(folders: Iterable[Path]) -> Iterator[None]:
    """Remove the files that building the projects in `folders` adds to them: setuptools writes into the sources."""
    before = {folder: set(folder.rglob("*")) for folder in folders}
    try:
        yield
    finally:
        for folder, existing in before.items():
            # In reverse order, so that a folder's files come before the folder.
            for path in sorted(set(folder.rglob("*")) - existing, reverse=True):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def _shortcoming(version: Version, as_of: AsOf | None) -> str:
    """Return what this version of pip can't do, with a workaround; "" if it can do everything."""
    if version < _PIP_WITH_REPORT:
        return "can't report the packages that it installs, which the lock needs; set S2I_PYTHON to a newer Python"
    if as_of and version < _PIP_WITH_DATES:
        return "can't resolve as of a date; pin the versions instead of S2I_RESOLVE_AS_OF"
    return ""


def _write_lines(path: Path, lines: Iterable[str]) -> Path:
    """Write lines to `path` and return it."""
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def _lock_of(report: dict) -> str:
    """Return a lock of what pip installed, from its installation report."""
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
