"""`make audit`: what is known to be vulnerable in a runtime image, told from what nobody has looked up.

The image's SBOM says what is in it. pip-audit knows the Python Package Index only, and calls an
environment clean of which it has found nothing on the index; here, what it has left out is counted.
"""

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from nb_builder.common.log import Log
from nb_builder.common.settings import Settings
from nb_builder.problems.base import BuildProblem
from nb_builder.slim.attest import sbom

USAGE = "Usage: audit [--engine=docker] IMAGE|SBOM.json [OPTION-OF-PIP-AUDIT...]"
PYPI = "pypi"
# Kinds of package URLs, as people call one of each.
KINDS = {PYPI: "Python distribution", "deb": "Debian package"}


class SbomMissing(BuildProblem):
    """What should be audited has no readable SBOM."""

    code = "sbom-missing"
    what_words = "There is no SBOM to audit in {image}: {reason}."
    why_words = "An audit looks up what the SBOM names; 'make runtime' writes one into each image."
    fix_words = "Name an image that 'make runtime' has made, or a file with a CycloneDX SBOM in JSON."


class NothingAudited(BuildProblem):
    """Not one distribution could be looked up, so nothing is known."""

    code = "nothing-audited"
    what_words = "Nothing in {image} was audited: {reason}"
    why_words = "What was not looked up is not clean."
    fix_words = (
        "Run it where https://pypi.org/pypi/NAME/VERSION/json answers, or name another service: "
        "AUDIT_OPTIONS='--vulnerability-service osv'."
    )


@dataclass(frozen=True, order=True)
class Component:
    """One part of an image: the kind of its package URL ("" for none), its name and its version."""

    kind: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


@dataclass
class Findings:
    """What came of the look-ups: a list of vulnerabilities for each component, or why it has none."""

    vulnerable: dict[Component, list[dict]] = field(default_factory=dict)
    clean: list[Component] = field(default_factory=list)
    skipped: dict[Component, str] = field(default_factory=dict)


def main(arguments: Sequence[str]) -> None:
    """Audit what the argument names; leave with 1 where a vulnerability is known, 2 for a wrong call."""
    engine, words = "docker", list(arguments)
    if words and words[0].startswith("--engine="):
        engine = words.pop(0).partition("=")[2]
    if not words or words[0].startswith("-"):
        print(USAGE)
        sys.exit(2)
    named, *options = words
    components = read(named, _file(named) if os.path.isfile(named) else _of_image(engine, named))
    log = Log()
    log.step(f"Auditing {named}: {counted(components)}")
    findings = look_up(components, Settings().home / "audit" / "bin" / "pip-audit", options)
    show(findings, components, log)
    if not findings.vulnerable and not findings.clean:
        reasons = Counter(why for component, why in findings.skipped.items() if component.kind == PYPI)
        ((reason, _),) = reasons.most_common(1) or [("it has no Python distributions.", 0)]
        raise NothingAudited(image=named, reason=reason)
    sys.exit(1 if findings.vulnerable else 0)


def read(named: str, text: bytes) -> list[Component]:
    """Return the components of a CycloneDX document in JSON, sorted, each once; raise SbomMissing."""
    try:
        document = json.loads(text)
        if document["bomFormat"] != "CycloneDX":
            raise SbomMissing(image=named, reason=f"bomFormat is {document['bomFormat']!r} and not 'CycloneDX'")
        return sorted({_component(entry) for entry in document.get("components", ())})
    except (ValueError, TypeError, KeyError, AttributeError):
        raise SbomMissing(image=named, reason="it is not JSON as CycloneDX defines it") from None


def _component(entry: dict) -> Component:
    """Return what `pkg:TYPE/NAMESPACE/NAME@VERSION?QUALIFIERS` says (github.com/package-url/purl-spec)."""
    scheme, _, rest = entry.get("purl", "").partition(":")
    if scheme != "pkg":
        return Component("", entry["name"], entry.get("version", ""))
    kind, _, path = rest.partition("?")[0].partition("#")[0].partition("/")
    name, _, version = path.rpartition("/")[2].partition("@")
    return Component(kind, unquote(name), unquote(version))


def counted(components: Iterable[Component]) -> str:
    """Return how many there are of each kind, in words."""
    counts = Counter(KINDS.get(component.kind, "other component") for component in components)
    return ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in counts.most_common()) or "no components"


def look_up(components: Sequence[Component], pip_audit: Path, options: Sequence[str]) -> Findings:
    """Return what pip-audit knows of each component; what it was not asked, or did not answer, is skipped."""
    found = Findings()
    asked = []
    for component in components:
        if component.kind != PYPI:
            found.skipped[component] = "pip-audit knows the Python Package Index only."
        elif not _is_version(component.version):
            # One such line, and pip-audit answers for none.
            found.skipped[component] = "it has no version of PEP 440."
        else:
            asked.append(component)
    while asked:
        # It takes a name once a call; an image may hold a distribution in two environments.
        names: dict[str, Component] = {}
        for component in asked:
            names.setdefault(canonicalize_name(component.name), component)
        _take(found, names, *_ask(pip_audit, names.values(), options))
        asked = [component for component in asked if component not in names.values()]
    return found


def _is_version(text: str) -> bool:
    try:
        return bool(Version(text))
    except InvalidVersion:
        return False


def _take(found: Findings, names: dict[str, Component], answers: dict[str, dict], failure: str) -> None:
    for name, component in names.items():
        answer = answers.get(name, {"skip_reason": failure or "pip-audit has not answered."})
        if "skip_reason" in answer:
            found.skipped[component] = answer["skip_reason"]
        elif answer["vulns"]:
            found.vulnerable[component] = answer["vulns"]
        else:
            found.clean.append(component)


def _ask(pip_audit: Path, components: Iterable[Component], options: Sequence[str]) -> tuple[dict[str, dict], str]:
    """Return pip-audit's answer by name, and its last words where it has failed."""
    with tempfile.NamedTemporaryFile("w", prefix="nb-audit-", suffix=".txt") as pins:
        pins.writelines(f"{component.name}=={component.version}\n" for component in components)
        pins.flush()
        command: list[str | Path] = [
            pip_audit,
            "--requirement",
            pins.name,
            "--no-deps",
            "--disable-pip",
            "--format",
            "json",
        ]
        ran = subprocess.run([*command, "--progress-spinner", "off", *options], capture_output=True, text=True)
    try:
        told = json.loads(ran.stdout)["dependencies"]
    except (ValueError, KeyError):
        words = [line for line in ran.stderr.splitlines() if any(map(str.isalpha, line))]
        return {}, (words or ["pip-audit has said nothing."])[-1]
    return {canonicalize_name(answer["name"]): answer for answer in told}, ""


def show(findings: Findings, components: Sequence[Component], log: Log) -> None:
    """Print each vulnerability, how much was looked up, and what was not."""
    for component, vulnerabilities in sorted(findings.vulnerable.items()):
        for each in vulnerabilities:
            names = ", ".join([each["id"], *each.get("aliases", ())])
            fixed = ", ".join(each.get("fix_versions", ())) or "no version yet"
            log.line(f"     {component}: {names}; fixed in {fixed}")
    known = sum(len(each) for each in findings.vulnerable.values())
    audited = len(findings.vulnerable) + len(findings.clean)
    log.step(f"Audited: {audited} of {len(components)}. Known vulnerabilities: {known}")
    if findings.skipped:
        log.step(f"Not audited, so not known to be clean: {counted(findings.skipped)}")
    for component, reason in sorted(findings.skipped.items()):
        log.line(f"     {component}" + (f": {reason}" if component.kind == PYPI else ""))


def _file(path: str) -> bytes:
    return Path(path).read_bytes()


def _of_image(engine: str, image: str) -> bytes:
    """Return the SBOM of an image, which need not be able to run a program; raise SbomMissing."""
    # A container wants a command to be made with; this one never starts.
    container = _call(image, engine, "create", image, "none").decode().strip().splitlines()[-1]
    try:
        copied = _call(image, engine, "cp", f"{container}:{sbom.FILE}", "-")
    finally:
        _call(image, engine, "rm", container)
    with tarfile.open(fileobj=io.BytesIO(copied)) as archive:
        first = archive.next()
        file = archive.extractfile(first) if first else None
        if file is None:
            raise SbomMissing(image=image, reason=f"{sbom.FILE} is no file there")
        return file.read()


def _call(image: str, *command: str) -> bytes:
    try:
        return subprocess.run(command, capture_output=True, check=True).stdout
    except FileNotFoundError:
        raise SbomMissing(image=image, reason=f"there is no {command[0]!r} to read it with") from None
    except subprocess.CalledProcessError as failed:
        words = failed.stderr.decode(errors="replace").strip().splitlines() or [f"status {failed.returncode}"]
        raise SbomMissing(image=image, reason=words[-1].removesuffix(".")) from None
