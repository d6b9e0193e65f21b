"""What the words of uv and pip mean to the author of requirements."""

import re
from collections.abc import Mapping
from pathlib import Path

from nb_builder.common.resolve_date import AsOf
from nb_builder.install import missing_wheels
from nb_builder.problems.base import BuildProblem
from nb_builder.problems.model import DiskFull
from nb_builder.problems.requirements import (
    GitFailed,
    GitMissing,
    IndexUnreachable,
    IndexWithoutDates,
    InstallFailed,
    NotYetPublished,
    RequirementsConflict,
    VersionMissing,
)

# What an installer's words mean, first match wins. Both uv's and pip's are listed.
_NO_SPACE = re.compile(r"No space left on device|os error 28")
_UNREACHABLE = re.compile(
    r"Failed to fetch|Request failed|error sending request|NewConnectionError|ConnectTimeout|Could not fetch URL|"
    r"client error \(Connect\)|Network connectivity is disabled|invalid peer certificate"
)
_NO_GIT = re.compile(r"Git executable not found|Cannot find command 'git'")
_GIT = re.compile(r"Git operation failed|git (?:clone|fetch|checkout)\b.* did not run successfully")
# What they say of a file under S2I_RESOLVE_AS_OF: it has no date, or a later one.
_DATELESS = re.compile(r"`([^`\s]+)` is missing an upload date|(\S+) does not provide upload-time metadata")
_LATER = re.compile(
    r"`([^`]+)` was filtered by `exclude-newer`.*? version[^v]* v([^\s,]+),? (?:was )?published at ([\d-]+)T"
)
_NO_SUCH = re.compile(
    r"there (?:is|are) no versions? of|was not found in|no wheels? with a matching|No matching distribution|"
    r"Could not find a version|only the following versions .* are available|does not satisfy Python"
)
_OTHER_PYTHON = re.compile(r"does not satisfy Python((?:[<>=!~]=?[\d.*]+,?)+)")
# PyTorch publishes one build for each kind of processor, most of them on an index of its own.
_TORCH_HOST = "download.pytorch.org"
_TORCH_BUILD = re.compile(r"([A-Za-z][\w.-]*)==[\w.]+\+(cpu|cu\d+|rocm[\d.]+\d|xpu)\b")
# uv holds old packages to the letter of the metadata's rules where pip lets them pass.
_METADATA = re.compile(r"has (?:invalid metadata|an invalid package format)|could not be parsed")
_NO_SOLUTION = re.compile(r"No solution found|ResolutionImpossible|conflicting dependencies")


def of(words: str, installer: str, *, venv: Path, minor: str, as_of: AsOf | None = None) -> BuildProblem:
    """Return the problem that the words of `installer` (uv or pip) tell of; `as_of` is the date it resolved to."""
    facts = {"reason": _reason(words), "detail": words.strip()}
    if _NO_SPACE.search(words):
        return DiskFull(folder=venv, detail=words.strip())
    if _NO_GIT.search(words) or _GIT.search(words):
        return _of_git(words)
    if _UNREACHABLE.search(words):
        return IndexUnreachable(**facts)
    if as_of and (dated := _of_date(words, as_of, facts)):
        return dated
    if versions := _of_versions(words, minor, facts):
        return versions
    facts["reason"] += missing_wheels.builds_need(words)
    return InstallFailed(installer=installer, python=minor, **facts)


def _of_versions(words: str, minor: str, facts: Mapping[str, str]) -> BuildProblem | None:
    """Return the problem that words of an installer tell of versions: there is none, or none that fits all."""
    if _METADATA.search(words):
        return None
    if _NO_SUCH.search(words):
        return VersionMissing(python=minor, hint=_index_of_builds(words) or _python_needed(words), **facts)
    return RequirementsConflict(**facts) if _NO_SOLUTION.search(words) else None


def _of_date(words: str, as_of: AsOf, facts: Mapping[str, str]) -> BuildProblem | None:
    """Return the problem that words of an installer tell of the date that requirements are resolved to."""
    if dateless := _DATELESS.search(words):
        return IndexWithoutDates(file=dateless[1] or dateless[2], day=as_of.day, detail=facts["detail"])
    if later := _LATER.search(words):
        reason = f"{facts['reason'].rstrip('.')}; {later[1]} {later[2]} was published on {later[3]}."
        return NotYetPublished(reason=reason, day=as_of.day, source=as_of.source, detail=facts["detail"])
    return None


def _of_git(words: str) -> BuildProblem:
    url = _git_url(words) or "a git repository"
    if _NO_GIT.search(words):
        return GitMissing(where="A requirement", entry=url, detail=words.strip())
    return GitFailed(url=url, reason=_git_reason(words), detail=words.strip())


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
        f" {found[0]} is on PyTorch's own index: add '--extra-index-url {index}' to requirements.txt or to the cell,"
        f" and build with S2I_ALLOW_INDEXES={_TORCH_HOST}."
    )


def _python_needed(words: str) -> str:
    """Return which Python `words` ask for, "" where they ask for none."""
    found = _OTHER_PYTHON.search(words)
    return f" What is asked for needs Python{found[1]}." if found else ""


def _reason(words: str) -> str:
    """Return the installer's own reason as one line: uv's causes, or pip's last ERROR."""
    causes = re.findall(r"^\s*(?:cause|╰─▶|├─▶|Caused by):?\s*(.*(?:\n {9,}\S.*)*)", words, re.MULTILINE)
    errors = re.findall(r"^ERROR: (.*)", words, re.MULTILINE)
    headline = re.findall(r"^\s*(?:error|\u00d7):?\s*(.*)", words, re.MULTILINE)
    chosen = causes or errors[-1:] or headline or words.strip().splitlines()[-1:] or ["no reason given"]
    return re.sub(r"\s+", " ", "; ".join(chosen)).strip()
