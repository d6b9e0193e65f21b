"""Converts the output of uv and pip to problems for the author of the requirements."""

import re
from collections.abc import Mapping
from pathlib import Path

from nb_builder.common.resolve_date import AsOf
from nb_builder.install import missing_wheels
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.problems.model import DiskFull
from nb_builder.problems.packages import (
    GitFailed,
    GitMissing,
    IndexUnreachable,
    IndexWithoutDates,
    InstallFailed,
    NotYetPublished,
    RequirementsConflict,
    VersionMissing,
)

# Messages of uv and pip; the first matching pattern decides.
_NO_SPACE = re.compile(r"No space left on device|os error 28")
_UNREACHABLE = re.compile(
    r"Failed to fetch|Request failed|error sending request|NewConnectionError|ConnectTimeout|Could not fetch URL|"
    r"client error \(Connect\)|Network connectivity is disabled|invalid peer certificate"
)
_NO_GIT = re.compile(r"Git executable not found|Cannot find command 'git'")
_GIT = re.compile(r"Git operation failed|git (?:clone|fetch|checkout)\b.* did not run successfully")
# Their messages about a file, with S2I_RESOLVE_AS_OF: it has no date, or a later one.
_DATELESS = re.compile(r"`([^`\s]+)` is missing an upload date|(\S+) does not provide upload-time metadata")
_LATER = re.compile(
    r"`([^`]+)` was filtered by `exclude-newer`.*? version[^v]* v([^\s,]+),? (?:was )?published at ([\d-]+)T"
)
_NO_SUCH = re.compile(
    r"there (?:is|are) no versions? of|was not found in|no wheels? with a matching|No matching distribution|"
    r"Could not find a version|only the following versions .* are available|does not satisfy Python"
)
_OTHER_PYTHON = re.compile(r"does not satisfy Python((?:[<>=!~]=?[\d.*]+,?)+)")
# PyTorch publishes a build for each kind of processor, most of them on its own index.
_TORCH_HOST = "download.pytorch.org"
_TORCH_BUILD = re.compile(r"([A-Za-z][\w.-]*)==[\w.]+\+(cpu|cu\d+|rocm[\d.]+\d|xpu)\b")
# uv rejects invalid metadata of old packages that pip accepts.
_METADATA = re.compile(r"has (?:invalid metadata|an invalid package format)|could not be parsed")
_NO_SOLUTION = re.compile(r"No solution found|ResolutionImpossible|conflicting dependencies")


def explain(output: str, installer: str, *, venv: Path, minor: str, as_of: AsOf | None = None) -> BuildProblem:
    """Return the problem that the `output` of `installer` (uv or pip) shows; `as_of` is the date it resolved to."""
    facts = {"reason": _reason(output), "detail": output.strip()}
    if _NO_SPACE.search(output):
        return DiskFull(folder=venv, detail=output.strip())
    if _NO_GIT.search(output) or _GIT.search(output):
        return _of_git(output)
    if _UNREACHABLE.search(output):
        return IndexUnreachable(**facts)
    if as_of and (date_problem := _of_date(output, as_of, facts)):
        return date_problem
    if version_problem := _of_versions(output, minor, facts):
        return version_problem
    facts["reason"] += missing_wheels.builds_need(output)
    return InstallFailed(installer=installer, python=minor, **facts)


def _of_versions(output: str, minor: str, facts: Mapping[str, str]) -> BuildProblem | None:
    """Return the problem of a missing version, or of versions that conflict; None for other output."""
    if _METADATA.search(output):
        return None
    if _NO_SUCH.search(output):
        return VersionMissing(python=minor, hint=_index_of_builds(output) or _python_needed(output), **facts)
    return RequirementsConflict(**facts) if _NO_SOLUTION.search(output) else None


def _of_date(output: str, as_of: AsOf, facts: Mapping[str, str]) -> BuildProblem | None:
    """Return the problem with the date that requirements are resolved to; None for other output."""
    if dateless := _DATELESS.search(output):
        return IndexWithoutDates(file=dateless[1] or dateless[2], day=as_of.day, detail=facts["detail"])
    if later := _LATER.search(output):
        reason = f"{facts['reason'].rstrip('.')}; {later[1]} {later[2]} was published on {later[3]}."
        return NotYetPublished(reason=reason, day=as_of.day, source=as_of.source, detail=facts["detail"])
    return None


def _of_git(output: str) -> BuildProblem:
    url = _git_url(output) or "a git repository"
    if _NO_GIT.search(output):
        return GitMissing(where="A requirement", entry=url, detail=output.strip())
    return GitFailed(url=url, reason=_git_reason(output), detail=output.strip())


def _git_url(output: str) -> str:
    """Return the URL of the git repository in `output`, or ""."""
    match = re.search(r"(?:git\+|[`' ])((?:https?|ssh|file|git)://[^\s'`]+)", output)
    return match[1] if match else ""


def _git_reason(output: str) -> str:
    """Return git's own reason as one line."""
    fatal = re.findall(r"^\s*(?:fatal|error|ERROR): (.*)", output, re.MULTILINE)
    specific = [line for line in fatal if line != "Git operation failed"]
    return (specific or ["no reason given"])[0].strip()


def _index_of_builds(output: str) -> str:
    """Return a hint at the index of a version such as torch 2.4.1+cpu, "" if `output` names none."""
    match = _TORCH_BUILD.search(output)
    if not match:
        return ""
    index = f"https://{_TORCH_HOST}/whl/{match[2]}"
    return (
        f" {match[0]} is on PyTorch's own index: add '--extra-index-url {index}' to requirements.txt or to the cell,"
        f" and build with S2I_ALLOW_INDEXES={_TORCH_HOST}."
    )


def _python_needed(output: str) -> str:
    """Return a hint at the Python that the requirements need, "" if `output` names none."""
    match = _OTHER_PYTHON.search(output)
    return f" The requirement needs Python{match[1]}." if match else ""


def _reason(output: str) -> str:
    """Return the installer's own reason as one line: uv's causes, or pip's last ERROR."""
    causes = re.findall(r"^\s*(?:cause|╰─▶|├─▶|Caused by):?\s*(.*(?:\n {9,}\S.*)*)", output, re.MULTILINE)
    errors = re.findall(r"^ERROR: (.*)", output, re.MULTILINE)
    headline = re.findall(r"^\s*(?:error|\u00d7):?\s*(.*)", output, re.MULTILINE)
    lines = causes or errors[-1:] or headline or output.strip().splitlines()[-1:] or ["no reason given"]
    return re.sub(r"\s+", " ", "; ".join(lines)).strip()
