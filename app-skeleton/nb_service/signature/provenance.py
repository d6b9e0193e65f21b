"""Shows a model's origin as a page, from the statement that the build has signed."""

import json
import textwrap
from collections.abc import Iterator, Mapping

PACKAGE = "pkg:pypi/"
_WIDTH = 100
_LABEL = 13


def page(statement: Mapping) -> list[str]:
    """Return the lines of the page; all facts come from the statement."""
    return [line for label, text in _rows(statement["predicate"]) if text for line in row(label, text)]


def row(label: str, text: str) -> list[str]:
    """Return the lines of one fact."""
    wrapped = textwrap.wrap(text, _WIDTH - _LABEL - 2, break_long_words=False, break_on_hyphens=False) or [""]
    first, *rest = wrapped
    return [f"  {label + ':':<{_LABEL}}{first}", *(" " * (_LABEL + 2) + line for line in rest)]


def _rows(predicate: Mapping) -> Iterator[tuple[str, str]]:
    build, run = predicate["buildDefinition"], predicate["runDetails"]
    asked, internal = build.get("externalParameters", {}), build.get("internalParameters", {})
    ingredients = build.get("resolvedDependencies", [])
    yield "Notebook", ", ".join(asked.get("notebooks", []))
    yield "Source", asked.get("source", "")
    yield "Commit", ", ".join(each["digest"]["gitCommit"] for each in ingredients if "gitCommit" in _digest(each))
    yield "Built", run.get("metadata", {}).get("finishedOn", "")
    yield "Builder", ", ".join(f"{name} {version}" for name, version in run["builder"].get("version", {}).items())
    yield "Its image", ", ".join(_with_digest(each) for each in run["builder"].get("builderDependencies", []))
    yield "Python", ", ".join(filter(None, (internal.get("python"), internal.get("platform"))))
    for name in ("parameters", "settings"):
        yield name.capitalize(), json.dumps(asked[name], sort_keys=True) if asked.get(name) else ""
    yield "Made of", ", ".join(_with_digest(each) for each in ingredients if "sha256" in _digest(each))
    packages = (each["uri"] for each in ingredients if str(each.get("uri", "")).startswith(PACKAGE))
    yield "Packages", ", ".join(uri.removeprefix(PACKAGE).replace("@", " ") for uri in packages)


def _digest(resource: Mapping) -> Mapping:
    return resource.get("digest", {})


def _with_digest(resource: Mapping) -> str:
    digest = _digest(resource).get("sha256", "")
    return f"{resource.get('name', '')} ({digest[:16]}…)" if digest else str(resource.get("name", ""))
