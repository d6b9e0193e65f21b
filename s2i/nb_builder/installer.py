"""Install the requirements: uv, or pip where uv can't serve; say in the user's words why it failed."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from nb_scorer import layout
from virtualenv.seed.wheels.embed import get_embed_wheel

from nb_builder import pip_settings, provenance, wheels
from nb_builder.artifacts import Earlier
from nb_builder.as_of import AsOf
from nb_builder.log import Log
from nb_builder.problems import (
    BuildProblem,
    DiskFull,
    IndexUnreachable,
    IndexWithoutDates,
    InstallFailed,
    NotYetPublished,
    RequirementsConflict,
    VersionMissing,
)
from nb_builder.requirements import CLOUDPICKLE, Wanted

UV = Path(sys.executable).with_name("uv")

# What an installer's words mean, first match wins. Both uv's and pip's are listed.
_NO_SPACE = re.compile(r"No space left on device|os error 28")
_UNREACHABLE = re.compile(
    r"Failed to fetch|Request failed|error sending request|NewConnectionError|ConnectTimeout|Could not fetch URL|"
    r"client error \(Connect\)|Network connectivity is disabled|invalid peer certificate"
)
# What they say of a file under S2I_RESOLVE_AS_OF: it has no date, or a later one.
_DATELESS = re.compile(r"`([^`\s]+)` is missing an upload date|(\S+) does not provide upload-time metadata")
_LATER = re.compile(
    r"`([^`]+)` was filtered by `exclude-newer`.*? version[^v]* v([^\s,]+),? (?:was )?published at ([\d-]+)T"
)
_NO_SUCH = re.compile(
    r"there (?:is|are) no versions? of|was not found in|no wheels? with a matching|No matching distribution|"
    r"Could not find a version|only the following versions .* are available|does not satisfy Python"
)
# uv holds old packages to the letter of the metadata's rules where pip lets them pass.
_METADATA = re.compile(r"has (?:invalid metadata|an invalid package format)|could not be parsed")
_NO_SOLUTION = re.compile(r"No solution found|ResolutionImpossible|conflicting dependencies")


class Installer:
    """Installs into one environment, with the settings that users gave pip."""

    def __init__(
        self, venv: Path, minor: str, choice: str, environ: Mapping[str, str], log: Log, as_of: AsOf | None = None
    ):
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
        self.environ = uv_environ(environ)
        self.flags = pip_settings.for_uv(pip_settings.read(environ), environ)[1]
        self.uv_options = ["--no-progress", "--python", self.python, *self.flags]
        self.uv_compile = [UV, "pip", "compile", "--no-header", "--no-annotate", *self.uv_options, *self.cutoff]

    def asked(self, wanted: Wanted) -> str:
        """Return what the answer to `wanted` depends on, the date included; "" where that can't be told."""
        facts = {"wanted": wanted.fingerprint, "as_of": self.as_of.stamp if self.as_of else None}
        return provenance.fingerprint(facts) if wanted.fingerprint else ""

    def install(self, wanted: Wanted, lock: Path, earlier: Earlier | None = None) -> None:
        """Write `lock` (versions and hashes of all that `wanted` needs) and install exactly that.

        A lock of the repository is taken as it is. With `earlier`, whose packages are there already, only
        what differs is installed or removed. Raises the problem that explains a failure.
        """
        unchanged = earlier is not None and self.asked(wanted) == earlier.facts.get("asked")
        if earlier and (unchanged or self._resolved_alike(earlier)):
            # uv keeps the versions that it finds there, as far as they still fit.
            lock.write_bytes(earlier.path(layout.BUILD, layout.LOCK).read_bytes())
        if unchanged:
            self.log.line("     unchanged since the build before")
        elif wanted.lock:
            self.log.line(f"     exactly as {wanted.lock.name} of the repository says")
            lock.write_bytes(wanted.lock.read_bytes())
        elif self.choice == "pip" or not self._resolve(wanted, lock):
            self._with_pip(wanted, lock)
            self._date(lock)
            return
        else:
            self._date(lock)
        # sync and not install: what the build before had and this one does not want is removed.
        # What builds a package from its source has to be of the date as well; a given lock is taken as it is.
        cutoff = [] if wanted.lock else self.cutoff
        command = [UV, "pip", "sync", *self.uv_options, *cutoff, "--require-hashes", "--allow-empty-requirements", lock]
        # The lock was made under the user's constraints; beside hashes uv would want each of them pinned.
        words = self._run(command, {name: value for name, value in self.environ.items() if name != "UV_CONSTRAINT"})
        if words is not None:
            raise self._failure(words)

    def _resolved_alike(self, earlier: Earlier) -> bool:
        """Tell whether the build before resolved to the same date: what is newer, or older, is no hint then."""
        resolved = earlier.facts.get("resolved")
        before = resolved.get("as_of") if isinstance(resolved, dict) else None
        return before == (self.as_of.stamp if self.as_of else None)

    def _date(self, lock: Path) -> None:
        """Write the date that it was resolved to at the top of `lock`."""
        if self.as_of:
            text = lock.read_text(encoding="utf-8")
            line = f"# Resolved as of {self.as_of.stamp}, by {self.as_of.source}.\n"
            lock.write_text(line + re.sub(r"\A# Resolved as of .*\n", "", text), encoding="utf-8")

    def _resolve(self, wanted: Wanted, lock: Path) -> bool:
        """Have uv write `lock`; return False where uv can't serve and pip is to try."""
        constraints = ["--constraints", wanted.constraints] if wanted.constraints else []
        words = self._run([*self.uv_compile, "--generate-hashes", "--output-file", lock, *constraints, *wanted.sources])
        if words is None:
            return True
        problem = self._failure(words)
        if self.choice == "uv" or not isinstance(problem, InstallFailed):
            raise problem
        self.log.note(f"uv can't serve here ({problem.facts['reason']}); trying pip.")
        return False

    def freeze(self) -> str:
        """Return what is installed, one `name==version` a line."""
        command = [UV, "pip", "freeze", "--python", self.python]
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, check=True).stdout

    def offers(self, requirement: str) -> bool:
        """Return whether the index has what `requirement` says, for this Python; nothing is installed."""
        command = [
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

    def _with_pip(self, wanted: Wanted, lock: Path) -> None:
        wheel = get_embed_wheel("pip", self.minor)
        if wheel is None:
            reason = f"there is no pip for Python {self.minor} here"
            raise InstallFailed(reason=reason, installer="pip", python=self.minor)
        # A wheel can be run as it is: so pip is never installed into the notebook's environment.
        pip = [self.python, f"{wheel.path}/pip", "--disable-pip-version-check", "--no-input"]
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.json"
            files = [word for path in wanted.sources for word in ("-r", path)]
            files += ["-c", wanted.constraints] if wanted.constraints else []
            cutoff = ["--uploaded-prior-to", self.as_of.stamp] if self.as_of else []
            words = self._run([*pip, "install", "--no-compile", "--report", report, *cutoff, *files])
            if words is not None:
                raise self.explain(words, "pip")
            lock.write_text(_lock_of(json.loads(report.read_text(encoding="utf-8"))), encoding="utf-8")

    def _failure(self, words: str) -> BuildProblem:
        """Return what uv's words mean; for a build from source that failed, with the wheels that there are."""
        ask = [UV, "pip", "compile", *self.flags, *self.cutoff]
        missing = wheels.explain(words, uv=ask, environ=self.environ, minor=self.minor)
        return missing or self.explain(words, "uv")

    def _run(self, command: Sequence[str | Path], environ: Mapping[str, str] | None = None) -> str | None:
        """Run an installer; return None if it succeeded, else its words without credentials."""
        ran = subprocess.run(
            command,
            env=environ or self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        return pip_settings.without_credentials(ran.stdout) if ran.returncode else None

    def explain(self, words: str, installer: str) -> BuildProblem:
        """Return the problem that the words of `installer` (uv or pip) tell of."""
        facts = {"reason": _reason(words), "detail": words.strip()}
        if _NO_SPACE.search(words):
            return DiskFull(folder=self.venv, detail=words.strip())
        if _UNREACHABLE.search(words):
            return IndexUnreachable(**facts)
        if self.as_of and (dated := _of_date(words, self.as_of, facts)):
            return dated
        if _NO_SUCH.search(words) and not _METADATA.search(words):
            return VersionMissing(python=self.minor, **facts)
        if _NO_SOLUTION.search(words) and not _METADATA.search(words):
            return RequirementsConflict(**facts)
        return InstallFailed(installer=installer, python=self.minor, **facts)


def _of_date(words: str, as_of: AsOf, facts: Mapping[str, str]) -> BuildProblem | None:
    """Return the problem that words of an installer tell of the date that requirements are resolved to."""
    if dateless := _DATELESS.search(words):
        return IndexWithoutDates(file=dateless[1] or dateless[2], day=as_of.day, detail=facts["detail"])
    if later := _LATER.search(words):
        reason = f"{facts['reason'].rstrip('.')}; {later[1]} {later[2]} was published on {later[3]}."
        return NotYetPublished(reason=reason, day=as_of.day, source=as_of.source, detail=facts["detail"])
    return None


def uv_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for uv: pip's settings translated, nothing of Python's that could mislead it."""
    variables, _ = pip_settings.for_uv(pip_settings.read(environ), environ)
    result = {**environ, **variables, "UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1"}
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
        result.pop(name, None)
    if "UV_CACHE_DIR" in variables:
        # Who names a cache wants it used, also in an image, where none is kept by default.
        result.pop("UV_NO_CACHE", None)
    return result


def _lock_of(report: dict) -> str:
    """Return the lock that says what pip, by its installation report, has installed."""
    lines = []
    for item in report["install"]:
        name, version = item["metadata"]["name"], item["metadata"]["version"]
        hashes = item["download_info"].get("archive_info", {}).get("hashes", {})
        pinned = "".join(f" --hash={kind}:{digest}" for kind, digest in sorted(hashes.items()))
        lines.append(f"{name.lower()}=={version}{pinned}\n")
    return "".join(sorted(lines))


def _reason(words: str) -> str:
    """Return the installer's own reason as one line: uv's causes, or pip's last ERROR."""
    causes = re.findall(r"^\s*(?:cause|╰─▶|├─▶|Caused by):?\s*(.*(?:\n {9,}\S.*)*)", words, re.MULTILINE)
    errors = re.findall(r"^ERROR: (.*)", words, re.MULTILINE)
    headline = re.findall(r"^\s*(?:error|\u00d7):?\s*(.*)", words, re.MULTILINE)
    chosen = causes or errors[-1:] or headline or words.strip().splitlines()[-1:] or ["no reason given"]
    return re.sub(r"\s+", " ", "; ".join(chosen)).strip()
