"""Install the requirements: uv, or pip where uv can't serve; say in the user's words why it failed."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from nb_scorer import layout
from virtualenv.seed.wheels.embed import get_embed_wheel

from nb_builder import lock as locks
from nb_builder import pip_settings, wheels
from nb_builder.artifacts import Earlier
from nb_builder.lock import Locked
from nb_builder.log import Log
from nb_builder.problems import (
    BuildProblem,
    DiskFull,
    GitFailed,
    GitMissing,
    IndexUnreachable,
    InstallFailed,
    RequirementsConflict,
    VersionMissing,
)
from nb_builder.requirement_lines import logical
from nb_builder.requirements import Wanted

UV = Path(sys.executable).with_name("uv")

# What an installer's words mean, first match wins. Both uv's and pip's are listed.
_NO_SPACE = re.compile(r"No space left on device|os error 28")
_UNREACHABLE = re.compile(
    r"Failed to fetch|Request failed|error sending request|NewConnectionError|ConnectTimeout|Could not fetch URL|"
    r"client error \(Connect\)|Network connectivity is disabled|invalid peer certificate"
)
_NO_GIT = re.compile(r"Git executable not found|Cannot find command 'git'")
_GIT = re.compile(r"Git operation failed|git (?:clone|fetch|checkout)\b.* did not run successfully")
_NO_SUCH = re.compile(
    r"there (?:is|are) no versions? of|was not found in|no wheels? with a matching|No matching distribution|"
    r"Could not find a version|only the following versions .* are available|does not satisfy Python"
)
# uv takes a folder for unchanged where its pyproject.toml is as old as before, whatever its modules say.
_FRESH = ("--refresh",)
# PyTorch publishes one build for each kind of processor, most of them on an index of its own.
_TORCH_HOST = "download.pytorch.org"
_TORCH_BUILD = re.compile(r"([A-Za-z][\w.-]*)==[\w.]+\+(cpu|cu\d+|rocm[\d.]+\d|xpu)\b")
# uv holds old packages to the letter of the metadata's rules where pip lets them pass.
_METADATA = re.compile(r"has (?:invalid metadata|an invalid package format)|could not be parsed")
_NO_SOLUTION = re.compile(r"No solution found|ResolutionImpossible|conflicting dependencies")


class Installer:
    """Installs into one environment, with the settings that users gave pip."""

    def __init__(self, venv: Path, minor: str, choice: str, environ: Mapping[str, str], log: Log):
        """Take the interpreter's folder and minor version, S2I_INSTALLER, and the environment to run in."""
        self.python = venv / "bin" / "python"
        self.venv = venv
        self.minor = minor
        self.choice = choice
        self.log = log
        # Nobody is there to type a password for git.
        self.environ = {**uv_environ(environ), "GIT_TERMINAL_PROMPT": "0"}
        self.flags = pip_settings.for_uv(pip_settings.read(environ), environ)[1]
        self.uv_options = ["--no-progress", "--python", self.python, *self.flags]
        self.uv_compile = [UV, "pip", "compile", "--no-header", "--no-annotate", *self.uv_options]

    def install(self, wanted: Wanted, lock: Path, earlier: Earlier | None = None) -> None:
        """Write `lock` (versions and digests of all that `wanted` needs) and install exactly that.

        A lock of the repository is taken as it is. With `earlier`, whose packages are there already, only
        what differs is installed or removed. Raises the problem that explains a failure.
        """
        with as_it_was(wanted.asked.folders), tempfile.TemporaryDirectory() as scratch:
            self._install(wanted, lock, earlier, Path(scratch))

    def _install(self, wanted: Wanted, lock: Path, earlier: Earlier | None, scratch: Path) -> None:
        if earlier:
            lock.write_bytes(earlier.path(layout.BUILD, layout.LOCK).read_bytes())
        if earlier and wanted.fingerprint and wanted.fingerprint == earlier.facts.get("asked"):
            self.log.line("     unchanged since the build before")
            text = lock.read_text(encoding="utf-8")
        elif wanted.lock:
            self.log.line(f"     exactly as {wanted.lock.name} of the repository says")
            text = wanted.lock.read_text(encoding="utf-8-sig")
            lock.write_bytes(wanted.lock.read_bytes())
        else:
            text = self._resolve(wanted, lock, scratch) if self.choice != "pip" else None
            if text is None:
                self._with_pip(wanted, lock, scratch)
                return
            lock.write_text(locks.public(text, wanted.top), encoding="utf-8")
        self._sync(locks.parse(text, wanted.top, lock.name), scratch)

    def _sync(self, locked: Locked, scratch: Path) -> None:
        """Make the environment hold what is locked, and nothing else."""
        # The lock was made under the user's constraints; beside digests uv would want each of them pinned.
        environ = {name: value for name, value in self.environ.items() if name != "UV_CONSTRAINT"}
        digested = _written(scratch / "digested.txt", locked.digested)
        # sync and not install: what the build before had and this one does not want is removed.
        sync = [UV, "pip", "sync", *self.uv_options, "--require-hashes", "--allow-empty-requirements", digested]
        commands = [sync]
        if locked.sources:
            # Beside the others: what is built here has no digest that could be known before.
            sources = _written(scratch / "sources.txt", locked.sources)
            commands.append([UV, "pip", "install", *self.uv_options, *_FRESH, "--no-deps", "--requirements", sources])
        for command in commands:
            words = self._run(command, environ)
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
        words = self._run([*self.uv_compile, *fresh, "--generate-hashes", "--output-file", target, wanted.emitted])
        if words is None:
            return target.read_text(encoding="utf-8")
        problem = self._failure(words)
        if self.choice == "uv" or not isinstance(problem, InstallFailed):
            raise problem
        self.log.note(f"uv can't serve here ({problem.facts['reason']}); trying pip.")
        return None

    def freeze(self) -> str:
        """Return what is installed, one `name==version` a line."""
        command = [UV, "pip", "freeze", "--python", self.python]
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, check=True).stdout

    def offers(self, requirement: str) -> bool:
        """Return whether the index has what `requirement` says, for this Python; nothing is installed."""
        command = [UV, "pip", "install", "--dry-run", "--no-deps", "--reinstall", *self.uv_options, requirement]
        return self._run(command) is None

    def _with_pip(self, wanted: Wanted, lock: Path, scratch: Path) -> None:
        wheel = get_embed_wheel("pip", self.minor)
        if wheel is None:
            reason = f"there is no pip for Python {self.minor} here"
            raise InstallFailed(reason=reason, installer="pip", python=self.minor)
        # A wheel can be run as it is: so pip is never installed into the notebook's environment.
        pip = [self.python, f"{wheel.path}/pip", "--disable-pip-version-check", "--no-input"]
        report = scratch / "report.json"
        words = self._run([*pip, "install", "--no-compile", "--report", report, "-r", wanted.emitted])
        if words is not None:
            raise self.explain(words, "pip")
        text = _lock_of(json.loads(report.read_text(encoding="utf-8")))
        lock.write_text(locks.public(text, wanted.top), encoding="utf-8")

    def _failure(self, words: str) -> BuildProblem:
        """Return what uv's words mean; for a build from source that failed, with the wheels that there are."""
        ask = [UV, "pip", "compile", *self.flags]
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
        if _NO_GIT.search(words):
            return GitMissing(where="A requirement", entry=_git_url(words) or "a git repository", detail=words.strip())
        if _GIT.search(words):
            return GitFailed(url=_git_url(words), reason=_git_reason(words), detail=words.strip())
        if _UNREACHABLE.search(words):
            return IndexUnreachable(**facts)
        if _METADATA.search(words):
            return InstallFailed(installer=installer, python=self.minor, **facts)
        if _NO_SUCH.search(words):
            return VersionMissing(python=self.minor, hint=_index_of_builds(words), **facts)
        if _NO_SOLUTION.search(words):
            return RequirementsConflict(**facts)
        facts["reason"] += wheels.builds_need(words)
        return InstallFailed(installer=installer, python=self.minor, **facts)


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


def _git_url(words: str) -> str:
    """Return the address of the git repository that `words` tell of, "" where they name none."""
    found = re.search(r"(?:git\+|[`' ])((?:https?|ssh|file|git)://[^\s'`]+)", words)
    return found[1] if found else ""


def _git_reason(words: str) -> str:
    """Return git's own reason as one line."""
    fatal = re.findall(r"^\s*(?:fatal|error|ERROR): (.*)", words, re.MULTILINE)
    named = [line for line in fatal if line != "Git operation failed"]
    return (named or ["no reason given"])[0].strip()


def _index_of_builds(words: str) -> str:
    """Return where a version such as torch 2.4.1+cpu comes from, "" where `words` miss none of those."""
    found = _TORCH_BUILD.search(words)
    if not found:
        return ""
    index = f"https://{_TORCH_HOST}/whl/{found[2]}"
    return (
        f" {found[0]} is on PyTorch's own index: add '--extra-index-url {index}' to requirements.txt (or 'requirements')"
        f" and build with S2I_ALLOW_INDEXES={_TORCH_HOST}."
    )


def _reason(words: str) -> str:
    """Return the installer's own reason as one line: uv's causes, or pip's last ERROR."""
    causes = re.findall(r"^\s*(?:cause|╰─▶|├─▶|Caused by):?\s*(.*(?:\n {9,}\S.*)*)", words, re.MULTILINE)
    errors = re.findall(r"^ERROR: (.*)", words, re.MULTILINE)
    headline = re.findall(r"^\s*(?:error|\u00d7):?\s*(.*)", words, re.MULTILINE)
    chosen = causes or errors[-1:] or headline or words.strip().splitlines()[-1:] or ["no reason given"]
    return re.sub(r"\s+", " ", "; ".join(chosen)).strip()
