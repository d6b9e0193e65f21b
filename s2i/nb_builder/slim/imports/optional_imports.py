"""Finds distributions that the code of kept ones may import, although no sample made it do so."""

import re
from collections.abc import Container, Iterable, Iterator

from nb_builder.common import installed
from nb_builder.common.installed import Distribution
from nb_builder.slim.imports import dependency_graph, model_imports
from nb_builder.slim.imports.import_scan import named_in

# import_optional_dependency("lxml.etree") and similar calls.
_CALL = re.compile(r"\w*import\w*\(\s*['\"]([\w.]+)['\"]")
_TESTS = {"test", "tests"}
# Bytes. A larger distribution costs more than the risk that a request needs it; a note in the plan names it.
MAX_BYTES = 5_000_000


def needs(kept: Iterable[Distribution], dropped: Iterable[Distribution], python: str) -> dict[str, str]:
    """Return {dropped distribution: the kept one that requires it and imports it somewhere}, transitively.

    An example is contourpy, which matplotlib imports when it draws contours. Distributions larger than MAX_BYTES are
    left out. `python` is that of `dependency_graph.needed_by`.
    """
    pending, candidates = list(kept), [candidate for candidate in dropped if candidate.bytes <= MAX_BYTES]
    distributions = [*pending, *candidates]
    importers: dict[str, str] = {}
    while pending:
        distribution = pending.pop()
        required = {
            name
            for name, requirer in dependency_graph.needed_by([distribution.name], distributions, python).items()
            if requirer == distribution.name
        }
        named = _imported_from(
            _sources(distribution), [candidate for candidate in candidates if candidate.name in required]
        )
        importers.update(dict.fromkeys(named, distribution.name))
        pending += [candidate for candidate in candidates if candidate.name in named]
        candidates = [candidate for candidate in candidates if candidate.name not in named]
    return importers


def possible_imports(
    kept: Iterable[Distribution], dropped: Iterable[Distribution], loaded: Container[str], python: str
) -> dict[str, str]:
    """Return {dropped distribution: the kept one that may import it}, for intentionally installed distributions.

    Those are the ones that the kept one requires, and those that nothing requires, because then the notebook does. For
    the latter only the modules in `loaded` are searched: packages name many others that they can work with.
    """
    kept, dropped = list(kept), list(dropped)
    distributions = [*kept, *dropped]
    requirements = {
        distribution.name: set(dependency_graph.needed_by([distribution.name], distributions, python))
        for distribution in distributions
    }
    required = set().union(*requirements.values())
    importers: dict[str, str] = {}
    for distribution in kept:
        required_here = [candidate for candidate in dropped if candidate.name in requirements[distribution.name]]
        requested = [candidate for candidate in dropped if candidate.name not in required]
        loaded_sources = [file for file in _sources(distribution) if file in loaded]
        for name in sorted(
            _imported_from(_sources(distribution), required_here) | _imported_from(loaded_sources, requested)
        ):
            importers.setdefault(name, distribution.name)
    return importers


def _sources(distribution: Distribution) -> list[str]:
    return [file for file in distribution.files if file.endswith(".py") and not _TESTS.intersection(file.split("/"))]


def _imported_from(files: Iterable[str], candidates: list[Distribution]) -> set[str]:
    """Return the `candidates` that any of the modules `files` imports."""
    top_names = {name.split(".")[0].encode() for name in installed.modules(candidates)}
    names = {name: "" for file in files for name in _imports(file, top_names)} if top_names else {}
    return set(model_imports.providers(names, candidates))


def _imports(file: str, top_names: set[bytes]) -> Iterator[str]:
    """Yield the modules that `file` names; none if no name in `top_names` occurs in it, which is a faster check."""
    with open(file, "rb") as stream:
        text = stream.read()
    if any(top in text for top in top_names):
        package = installed.module_of(file)
        package = package if file.endswith("/__init__.py") else package.rpartition(".")[0]
        source = text.decode("utf-8", "replace")
        yield from named_in(source, package)
        yield from _CALL.findall(source)
