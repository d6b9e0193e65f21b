"""`nb-builder audit`: lists known vulnerabilities in a service image, and the components that were not looked up.

The image's SBOM lists its components. pip-audit only knows the Python Package Index, and reports an environment as
clean even if the index has none of its packages. So everything that it skipped is reported.
"""

import json
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from nb_builder.common import programs, visible
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings
from nb_builder.images.engine import find
from nb_builder.images.problems import ImageFileRefused, ImageUnreadable
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.slim.attest import sbom

USAGE = "Usage: audit [--engine=docker] IMAGE|SBOM.json [OPTION-OF-PIP-AUDIT...]"
PYPI = "pypi"
# A name by PEP 508, no longer than the longest existing names.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,198}[A-Za-z0-9])?", re.ASCII)
_MAX_LENGTH = 300
# pip-audit accepts each name once per call, and an image has up to three environments.
MAX_VERSIONS = 10
# An SBOM lists a few thousand components.
_MAX_SIZE = 64 << 20
# {type of a package URL: singular noun for such a package}
KINDS = {PYPI: "Python distribution", "deb": "Debian package"}


class SbomMissing(BuildProblem):
    """The image or file to audit has no readable SBOM."""

    code = "sbom-missing"
    what_text = "There is no SBOM to audit in {image}: {reason}."
    why_text = "An audit looks up the packages in the SBOM, which '{nb_builder} slim' writes into each image."
    fix_text = "Name an image that '{nb_builder} slim' built, or a file with a CycloneDX SBOM in JSON."


class NothingAudited(BuildProblem):
    """No distribution could be looked up, so the audit has no result."""

    code = "nothing-audited"
    what_text = "Nothing in {image} was audited: {reason}"
    why_text = "A distribution that was not looked up may have vulnerabilities."
    fix_text = (
        "Run the audit where https://pypi.org/pypi/NAME/VERSION/json can be reached, or name another service: "
        "--vulnerability-service osv."
    )


@dataclass(frozen=True, order=True)
class Component:
    """One component of an image: the type of its package URL ("" for none), its name and its version."""

    kind: str
    name: str
    version: str

    def __str__(self) -> str:
        return visible.line(f"{self.name} {self.version}".strip())


@dataclass
class Findings:
    """Results of the look-ups: vulnerabilities by component, clean components, and reasons for skipped ones."""

    vulnerable: dict[Component, list[dict]] = field(default_factory=dict)
    clean: list[Component] = field(default_factory=list)
    skipped: dict[Component, str] = field(default_factory=dict)


def main(arguments: Sequence[str]) -> None:
    """Audit the image or SBOM named by the arguments; exit with 1 for a known vulnerability, 2 for wrong usage."""
    engine, remaining = "docker", list(arguments)
    if remaining and remaining[0].startswith("--engine="):
        engine = remaining.pop(0).partition("=")[2]
    if not remaining or remaining[0].startswith("-"):
        print(USAGE)
        sys.exit(2)
    source, *options = remaining
    components = read(source, _file(source) if os.path.isfile(source) else _of_image(engine, source))
    log = Log()
    log.step(f"Auditing {source}: {counted(components)}")
    findings = look_up(components, Settings().home / "audit" / "bin" / "pip-audit", options)
    show(findings, components, log)
    if not findings.vulnerable and not findings.clean:
        reasons = Counter(why for component, why in findings.skipped.items() if component.kind == PYPI)
        ((reason, _),) = reasons.most_common(1) or [("it has no Python distributions.", 0)]
        raise NothingAudited(image=source, reason=reason)
    sys.exit(1 if findings.vulnerable else 0)


def read(source: str, text: bytes) -> list[Component]:
    """Return the components of a CycloneDX document in JSON, sorted and without duplicates; raise SbomMissing."""
    try:
        document = json.loads(text)
        if document["bomFormat"] != "CycloneDX":
            raise SbomMissing(image=source, reason=f"bomFormat is {document['bomFormat']!r} and not 'CycloneDX'")
        return sorted({_component(entry) for entry in document.get("components", ())})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise SbomMissing(image=source, reason="it is not JSON as CycloneDX defines it") from None


def _component(entry: dict) -> Component:
    """Return the component with the package URL `pkg:TYPE/NAMESPACE/NAME@VERSION?QUALIFIERS`."""
    scheme, _, rest = entry.get("purl", "").partition(":")
    if scheme != "pkg":
        return _bounded("", entry["name"], entry.get("version", ""))
    kind, _, path = rest.partition("?")[0].partition("#")[0].partition("/")
    name, _, version = path.rpartition("/")[2].partition("@")
    return _bounded(kind, unquote(name), unquote(version))


def _bounded(*texts: str) -> Component:
    """Return a component; raise ValueError for invalid or implausibly long text."""
    if not all(isinstance(text, str) and len(text) <= _MAX_LENGTH for text in texts):
        raise ValueError("a name or version is not text, or too long")
    return Component(*texts)


def counted(components: Iterable[Component]) -> str:
    """Return a phrase with the number of each kind."""
    counts = Counter(KINDS.get(component.kind, "other component") for component in components)
    return ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in counts.most_common()) or "no components"


def look_up(components: Sequence[Component], pip_audit: Path, options: Sequence[str]) -> Findings:
    """Return pip-audit's results; components that it can't look up, or has not reported on, are skipped."""
    findings = Findings()
    pending = []
    for component in components:
        if component.kind != PYPI:
            findings.skipped[component] = "pip-audit supports only the Python Package Index."
        elif not _NAME.fullmatch(component.name):
            # The requirements file of pip-audit contains these as lines, where other text could be an option.
            findings.skipped[component] = "its name is not valid (PEP 508)."
        elif not _is_version(component.version):
            # One such line would make pip-audit fail for all packages.
            findings.skipped[component] = "its version is not valid (PEP 440)."
        else:
            pending.append(component)
    for _ in range(MAX_VERSIONS):
        if not pending:
            break
        # pip-audit accepts each name once per call, but an image may have a distribution in two environments.
        names: dict[str, Component] = {}
        for component in pending:
            names.setdefault(canonicalize_name(component.name), component)
        _record(findings, names, *_run_pip_audit(pip_audit, names.values(), options))
        asked = {*names.values()}
        pending = [component for component in pending if component not in asked]
    for component in pending:
        findings.skipped[component] = f"it is listed with more than {MAX_VERSIONS} versions."
    return findings


def _is_version(text: str) -> bool:
    try:
        return bool(Version(text))
    except InvalidVersion:
        return False


def _record(findings: Findings, names: dict[str, Component], answers: dict[str, dict], failure: str) -> None:
    for name, component in names.items():
        answer = answers.get(name, {"skip_reason": failure or "pip-audit did not respond."})
        if "skip_reason" in answer:
            findings.skipped[component] = answer["skip_reason"]
        elif answer["vulns"]:
            findings.vulnerable[component] = answer["vulns"]
        else:
            findings.clean.append(component)


def _run_pip_audit(
    pip_audit: Path, components: Iterable[Component], options: Sequence[str]
) -> tuple[dict[str, dict], str]:
    """Return pip-audit's entry for each name, and its last line on stderr if it has failed."""
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
        completed = programs.run([*command, "--progress-spinner", "off", *options])
    try:
        dependencies = json.loads(completed.stdout)["dependencies"]
    except (ValueError, KeyError):
        lines = [line for line in completed.stderr.splitlines() if any(map(str.isalpha, line))]
        return {}, (lines or ["pip-audit printed nothing."])[-1]
    return {canonicalize_name(answer["name"]): answer for answer in dependencies}, ""


def show(findings: Findings, components: Sequence[Component], log: Log) -> None:
    """Print each vulnerability, and what was looked up and skipped."""
    for component, vulnerabilities in sorted(findings.vulnerable.items()):
        for vulnerability in vulnerabilities:
            names = ", ".join([vulnerability["id"], *vulnerability.get("aliases", ())])
            fixed = ", ".join(vulnerability.get("fix_versions", ())) or "no version yet"
            log.line(f"     {component}: {names}; fixed in {fixed}")
    known = sum(map(len, findings.vulnerable.values()))
    audited = len(findings.vulnerable) + len(findings.clean)
    log.step(f"Audited: {audited} of {len(components)}. Known vulnerabilities: {known}")
    if findings.skipped:
        log.step(f"Not audited, so vulnerabilities are unknown: {counted(findings.skipped)}")
    for component, reason in sorted(findings.skipped.items()):
        log.line(f"     {component}" + (f": {reason}" if component.kind == PYPI else ""))


def _file(path: str) -> bytes:
    """Return a file's bytes; raise SbomMissing for one that is larger than any SBOM."""
    with Path(path).open("rb") as file:
        content = file.read(_MAX_SIZE + 1)
    if len(content) > _MAX_SIZE:
        raise SbomMissing(image=path, reason=f"it has more than {_MAX_SIZE} bytes")
    return content


def _of_image(engine: str, name: str) -> bytes:
    """Return an image's SBOM without running the image; raise SbomMissing."""
    try:
        image = find(engine, os.environ, name)
        if image is None:
            raise SbomMissing(image=name, reason=f"{engine} has no such image")
        with image.files() as files:
            content = files.content(sbom.FILE, _MAX_SIZE)
    except FileNotFoundError:
        raise SbomMissing(image=name, reason=f"{engine!r} is not installed") from None
    except PermissionError as error:
        raise SbomMissing(image=name, reason=f"{engine!r} can't be run ({error.strerror})") from None
    except (ImageFileRefused, ImageUnreadable) as problem:
        raise SbomMissing(image=name, reason=problem.what.removesuffix(".")) from None
    if content is None:
        raise SbomMissing(image=name, reason=f"it has no file {sbom.FILE}")
    return content
