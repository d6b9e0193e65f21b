"""s2i as a user runs it: a git repository, the builder image, a name for the result."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Built:
    """What came of `s2i build`: the image's name, the exit status and all that was printed, in order."""

    image: str
    status: int
    output: str


@dataclass(frozen=True)
class S2i:
    """The program, and the builder image that it builds with."""

    program: str
    builder: str

    def run(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
        """Return what `s2i …` did; stdout holds stderr too, in the order of printing."""
        return subprocess.run(
            [self.program, *words],
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def build(
        self, source: str | Path, image: str, *options: str, env: dict[str, str] | None = None, builder: str = ""
    ) -> Built:
        """Return what `s2i build --pull-policy=never` of `source` came to."""
        settings = [word for key, value in (env or {}).items() for word in ("--env", f"{key}={value}")]
        words = ["build", "--pull-policy=never", *options, *settings, str(source), builder or self.builder, image]
        done = self.run(*words)
        return Built(image, done.returncode, done.stdout)


def must(built: Built) -> Built:
    """Return `built`, or fail with its log if the build failed."""
    assert built.status == 0, built.output
    return built


def git_repository(source: Path, to: Path) -> str:
    """Copy `source` to `to` if that is elsewhere, commit all of it, and return its URL."""
    if source != to:
        shutil.copytree(source, to, symlinks=True)
    git(to, "init", "--quiet", "--initial-branch=main")
    commit(to, "The repository as its author has it")
    return f"file://{to}"


def commit(repository: Path, message: str) -> None:
    """Commit everything in `repository`, ignored files and an empty state too."""
    git(repository, "add", "--all", "--force")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", message)


def git(repository: Path, *words: str) -> str:
    """Return the stdout of git in `repository`, free of this machine's own configuration."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    identity = ["-c", "user.name=Author", "-c", "user.email=author@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", "-C", str(repository), *identity, *words],
        env={**clean, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def write_files(folder: Path, files: Iterable[tuple[str, str]]) -> Path:
    """Write each (path, text) under `folder` and return `folder`."""
    for path, text in files:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder
