"""Conda: environment.yml, and the lines of `conda list --export`; its packages by their names on PyPI."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from nb_builder.requirements.sources import conda_names, elsewhere, text
from nb_builder.requirements.sources.base import Said, Unreadable

# `numpy=1.26.4=py311h64a7726_0`, as conda exports it; no requirement of pip has a single `=`. Perhaps with `==` first.
EXPORTED = re.compile(r"^[\w.-]+==?[^=\s]+=[^=\s]+$")

_SPEC = re.compile(r"^(?:[\w./-]+::)?(?P<name>[\w.-]+)\s*(?P<rest>[^\[]*)(?:\[(?P<bracket>.*)\])?$")
_BRACKET = re.compile(r"version\s*=\s*['\"]?([^'\"\],]+(?:,[^'\"\]=]+)*)")
_SHOWN = 6


@dataclass
class _Found:
    """What a list of conda's packages comes to."""

    requirements: list[str] = field(default_factory=list)
    python: str = ""
    renamed: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    loosened: list[str] = field(default_factory=list)

    def notes(self) -> tuple[str, ...]:
        """Return what users should know of it."""
        said = (
            ("by the names on PyPI: {}", self.renamed),
            ("left out, as they are no packages of Python: {}", self.left_out),
            ("without the version, which pip can't read: {}", self.loosened),
        )
        return tuple(words.format(brief(listed)) for words, listed in said if listed)


def read(path: Path) -> Said | None:
    """Return what an environment.yml says; None where it names no dependencies at all. Raises Unreadable."""
    try:
        content = yaml.safe_load(text.read(path))
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        raise Unreadable(f"it is no YAML{place}: {getattr(wrong, 'problem', None) or wrong}") from None
    except ValueError as wrong:
        # What looks like a date and is none.
        raise Unreadable(f"it is no YAML: {wrong}") from None
    if not isinstance(content, dict) or "dependencies" not in content:
        return None
    entries = content["dependencies"] or []
    if not isinstance(entries, list):
        raise Unreadable("its 'dependencies' are no list")
    found = of_specs(entry for entry in entries if isinstance(entry, str))
    lines, notes = elsewhere.mended(_once(found.requirements, _of_pip(entries)))
    return Said(tuple(lines), python=found.python, notes=(*found.notes(), *notes))


def of_specs(specs: Iterable[str]) -> _Found:
    """Return what conda's match specs, such as `numpy=1.26` and `conda-forge::pytorch>=2`, come to."""
    found = _Found()
    for spec in specs:
        match = _SPEC.match(spec.strip())
        if not match:
            found.loosened.append(spec.strip())
            continue
        name = match["name"]
        version = specifier(match["rest"] or _version_in(match["bracket"]))
        if name == "python":
            found.python = _minor(version or "")
        elif not (pypi := conda_names.on_pypi(name)):
            found.left_out += [name] if name != "pip" else []
        else:
            if pypi != name:
                found.renamed.append(f"{name} is {pypi}")
            if version is None:
                found.loosened.append(spec.strip())
            found.requirements.append(pypi + (version or ""))
    return found


def specifier(written: str) -> str | None:
    """Return conda's version, and perhaps build, as a specifier of PEP 440; None for what has no such form.

    `=1.26` is any 1.26, `=1.26.4=py311_0`, `==1.26.4` and ` 1.26.4 py311_0` are exact.
    """
    rest = re.sub(r"\s*([<>=!~,|]+)\s*", r"\1", written.strip())
    version, *build = rest.split()[:2] or [""]
    if re.match(r"=[^=]", version):
        version, *build = version[1:].split("=")
        version = version if build or "*" in version else _fuzzy(version)
    elif version.startswith("==") and "=" in version[2:]:
        version = version[: version.index("=", 2)]
    if version and version[0] not in "<>=!~":
        version = "==" + version
    version = re.sub(r"(?<=\d)\*", ".*", version)
    if version in ("", "==*", "==.*"):
        return ""
    try:
        return str(SpecifierSet(version)) if "|" not in version else None
    except InvalidSpecifier:
        return None


def brief(listed: Sequence[str]) -> str:
    """Return a list within one line: the first few, and how many more there are."""
    unique = list(dict.fromkeys(listed))
    more = f" and {len(unique) - _SHOWN} more" if len(unique) > _SHOWN else ""
    return ", ".join(unique[:_SHOWN]) + more


def _fuzzy(version: str) -> str:
    """Return conda's `=1.26` as PEP 440 has it; a whole version of three numbers is meant exactly."""
    return version if version.count(".") > 1 else f"{version}.*"


def _version_in(bracket: str | None) -> str:
    found = _BRACKET.search(bracket or "")
    return found[1] if found else ""


def _minor(specified: str) -> str:
    """Return an exact Python such as ==3.9.7 as any 3.9."""
    exact = re.fullmatch(r"==(3\.\d+)(?:\.[\d*]+)?", specified)
    return f"=={exact[1]}.*" if exact else specified


def _of_pip(entries: Iterable[object]) -> list[str]:
    """Return the lines of the part `- pip:`, which are those of a requirements.txt."""
    parts = [entry["pip"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("pip"), list)]
    return [str(line).strip() for part in parts for line in part]


def _once(conda: Iterable[str], pip: Sequence[str]) -> tuple[str, ...]:
    """Return both lists as one; what pip installs again counts, as it does in conda."""
    of_pip = {elsewhere.name_of(line) for line in pip} - {""}
    return (*dict.fromkeys(line for line in conda if elsewhere.name_of(line) not in of_pip), *pip)
