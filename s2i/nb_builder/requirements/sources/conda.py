"""Conda's environment.yml and the lines of `conda list --export`, with packages under their PyPI names."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from nb_scorer.common import phrases
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from nb_builder.requirements.sources import conda_names, elsewhere, text
from nb_builder.requirements.sources.declaration import Packages, Unreadable

# `numpy=1.26.4=py311h64a7726_0` as conda exports it, or with `==` first. No requirement of pip has a single `=`.
EXPORTED = re.compile(r"^[\w.-]+==?[^=\s]+=[^=\s]+$")

_SPEC = re.compile(r"^(?:[\w./-]+::)?(?P<name>[\w.-]+)\s*(?P<rest>[^\[]*)(?:\[(?P<bracket>.*)\])?$")
# In quotes a version may contain commas; without them the next comma ends it.
_BRACKET = re.compile(r"version\s*=\s*(?:'([^']*)|\"([^\"]*)|([^\],]*))")
_MAX_NAMES = 6


@dataclass
class _Conversion:
    """Conda's packages converted to requirements of pip, and the changes that were necessary."""

    requirements: list[str] = field(default_factory=list)
    python: str = ""
    renamed: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    loosened: list[str] = field(default_factory=list)

    def notes(self) -> tuple[str, ...]:
        """Return the notes for the log."""
        templates = (
            ("with their names on PyPI: {}", self.renamed),
            ("left out, because they are not Python packages: {}", self.left_out),
            ("without the version, which pip can't read: {}", self.loosened),
        )
        return tuple(template.format(brief(names)) for template, names in templates if names)


def read(path: Path) -> Packages | None:
    """Return the content of an environment.yml; None if it has no dependencies. Raises Unreadable."""
    try:
        content = yaml.safe_load(text.read(path))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise Unreadable(f"it is not YAML{where}: {getattr(error, 'problem', None) or error}") from None
    except ValueError as error:
        # PyYAML raises it for text that looks like a date but is not valid.
        raise Unreadable(f"it is not YAML: {error}") from None
    if not isinstance(content, dict) or "dependencies" not in content:
        return None
    entries = content["dependencies"] or []
    if not isinstance(entries, list):
        raise Unreadable("its 'dependencies' are not a list")
    conversion = of_specs(entry for entry in entries if isinstance(entry, str))
    lines, notes = elsewhere.portable(_once(conversion.requirements, _of_pip(entries)))
    return Packages(tuple(lines), python=conversion.python, notes=(*conversion.notes(), *notes))


def of_specs(specs: Iterable[str]) -> _Conversion:
    """Convert conda's match specs, such as `numpy=1.26` and `conda-forge::pytorch>=2`."""
    conversion = _Conversion()
    for spec in specs:
        match = _SPEC.match(spec.strip())
        if not match:
            conversion.loosened.append(spec.strip())
            continue
        name = match["name"]
        version = specifier(match["rest"] or _version_in(match["bracket"]))
        if name == "python":
            conversion.python = _minor(version or "")
        elif not (pypi := conda_names.on_pypi(name)):
            conversion.left_out += [name] if name != "pip" else []
        else:
            if pypi != name:
                conversion.renamed.append(f"{name} is {pypi}")
            if version is None:
                conversion.loosened.append(spec.strip())
            conversion.requirements.append(pypi + (version or ""))
    return conversion


def specifier(written: str) -> str | None:
    """Return conda's version, perhaps with a build, as a PEP 440 specifier; None if that is impossible.

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


def brief(names: Sequence[str]) -> str:
    """Return a list that fits on a line: the first few names, and how many more there are."""
    return phrases.listed(dict.fromkeys(names), _MAX_NAMES)


def _fuzzy(version: str) -> str:
    """Return conda's `=1.26` in PEP 440 form, `1.26.*`; a version of three numbers is treated as exact."""
    return version if version.count(".") > 1 else f"{version}.*"


def _version_in(bracket: str | None) -> str:
    match = _BRACKET.search(bracket or "")
    return next(filter(None, match.groups()), "") if match else ""


def _minor(specified: str) -> str:
    """Return an exact Python such as ==3.9.7 as any 3.9."""
    match = re.fullmatch(r"==(3\.\d+)(?:\.[\d*]+)?", specified)
    return f"=={match[1]}.*" if match else specified


def _of_pip(entries: Iterable[object]) -> list[str]:
    """Return the lines under `- pip:`, which have the format of a requirements.txt."""
    parts = [entry["pip"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("pip"), list)]
    return [str(line).strip() for part in parts for line in part]


def _once(conda: Iterable[str], pip: Sequence[str]) -> tuple[str, ...]:
    """Merge both lists; pip's line for a package replaces conda's, because pip runs last in conda, too."""
    of_pip = {elsewhere.name_of(line) for line in pip} - {""}
    return (*dict.fromkeys(line for line in conda if elsewhere.name_of(line) not in of_pip), *pip)
