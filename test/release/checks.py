"""Whether a commit is ready to be released as a version: what is missing, each as what and fix."""

import re
import subprocess
from pathlib import Path

PROJECTS = ("pyproject.toml", "s2i/pyproject.toml", "app-skeleton/pyproject.toml")
# As PEP 440 writes releases and candidates, and Semantic Versioning counts them.
VERSION = re.compile(r"\d+\.\d+\.\d+(rc\d+)?")


def faults(root: Path, version: str) -> list[str]:
    """Return what keeps the commit that is checked out in `root` from being `version`; nothing where it is ready."""
    if not VERSION.fullmatch(version):
        return [f"{version} is no version\n  Fix: such as 1.2.3 or 1.2.3rc1"]
    return [
        *_of_commit(root, version),
        *_of_projects(root, version),
        *_of_changelog(root, version),
        *_of_models(root, version),
    ]


def _of_commit(root: Path, version: str) -> list[str]:
    found = []
    if changed := _git(root, "status", "--porcelain"):
        found.append(
            f"Files are changed: {changed.splitlines()[0].split()[-1]}\n  Fix: commit them, and tag that commit"
        )
    tag = f"v{version}"
    tagged, head = _git(root, "rev-parse", "--verify", "--quiet", f"{tag}^{{commit}}"), _git(root, "rev-parse", "HEAD")
    if not tagged:
        found.append(f"There is no tag {tag}\n  Fix: git tag -s {tag}")
    elif tagged != head:
        found.append(f"{tag} is another commit, {tagged[:12]}\n  Fix: git checkout {tag}")
    return found


def _of_projects(root: Path, version: str) -> list[str]:
    found = []
    for name in PROJECTS:
        match = re.search(r'^version = "([^"]*)"', (root / name).read_text(encoding="utf-8"), re.MULTILINE)
        if match is None or match[1] != version:
            found.append(f"{name} has the version {match[1] if match else 'of nothing'}\n  Fix: set it to {version}")
    return found


def _of_changelog(root: Path, version: str) -> list[str]:
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## \[([^\]]+)\](.*)\n((?:(?!## \[).*\n?)*)", text, re.MULTILINE)
    of_version = [(date, body) for name, date, body in sections if name == version]
    fix = f"\n  Fix: give it a section ## [{version}] - YYYY-MM-DD with what has changed"
    if not of_version:
        return [f"CHANGELOG.md says nothing of {version}{fix}"]
    ((date, body),) = of_version
    found = []
    if not re.fullmatch(r" - \d{4}-\d\d-\d\d", date):
        found.append(f"CHANGELOG.md has no date for {version}{fix}")
    if "- " not in body:
        found.append(f"CHANGELOG.md has an empty section for {version}{fix}")
    left = [body for name, _, body in sections if name == "Unreleased" and "- " in body]
    if left:
        found.append(f"CHANGELOG.md still has lines under Unreleased\n  Fix: move them to {version}")
    return found


def _of_models(root: Path, version: str) -> list[str]:
    if any((root / "test" / "models" / version).glob("*/model/manifest.json")):
        return []
    fix = f"  Fix: make release-models VERSION={version}, and commit test/models/{version}"
    return [f"No models of {version} are kept, by which later versions are tested\n{fix}"]


def _git(root: Path, *words: str) -> str:
    """Return what git prints; nothing where it fails."""
    return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True).stdout.strip()
