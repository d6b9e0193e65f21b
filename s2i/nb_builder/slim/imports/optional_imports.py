"""What the code of kept distributions may import although no sample came to it."""

import re
from collections.abc import Container, Iterable, Iterator

from nb_builder.common import installed
from nb_builder.common.installed import Distribution
from nb_builder.slim.imports import dependency_graph, model_imports
from nb_builder.slim.imports.import_scan import named_in

# import_optional_dependency("lxml.etree") and the like.
_CALL = re.compile(r"\w*import\w*\(\s*['\"]([\w.]+)['\"]")
_TESTS = {"test", "tests"}
# A bigger one is worth the risk that a request needs it: people are told.
MOST_BYTES = 5_000_000


def needs(kept: Iterable[Distribution], dropped: Iterable[Distribution], python: str) -> dict[str, str]:
    """Return {dropped distribution: the kept one that requires it and imports it somewhere}, followed to the end.

    Such as contourpy: matplotlib imports it when contours are drawn. `python` is as `declared.needed_by` has it.
    Those of more than MOST_BYTES are not among them.
    """
    todo, rest = list(kept), [each for each in dropped if each.bytes <= MOST_BYTES]
    held = [*todo, *rest]
    found: dict[str, str] = {}
    while todo:
        asking = todo.pop()
        wanted = {
            name for name, by in dependency_graph.needed_by([asking.name], held, python).items() if by == asking.name
        }
        named = _named(_sources(asking), [each for each in rest if each.name in wanted])
        found.update(dict.fromkeys(named, asking.name))
        todo += [each for each in rest if each.name in named]
        rest = [each for each in rest if each.name not in named]
    return found


def unasked(
    kept: Iterable[Distribution], dropped: Iterable[Distribution], loaded: Container[str], python: str
) -> dict[str, str]:
    """Return {dropped distribution: the kept one that may import it}, of those that were to be there.

    That is what the kept one requires, and what nothing requires: then the notebook asked for it. For that, only
    the modules in `loaded` are read: packages know of many others that they could work with.
    """
    kept, dropped = list(kept), list(dropped)
    held = [*kept, *dropped]
    needed = {each.name: set(dependency_graph.needed_by([each.name], held, python)) for each in held}
    required = set().union(*needed.values())
    found: dict[str, str] = {}
    for each in kept:
        own = [other for other in dropped if other.name in needed[each.name]]
        asked = [other for other in dropped if other.name not in required]
        read = [file for file in _sources(each) if file in loaded]
        for name in sorted(_named(_sources(each), own) | _named(read, asked)):
            found.setdefault(name, each.name)
    return found


def _sources(distribution: Distribution) -> list[str]:
    return [file for file in distribution.files if file.endswith(".py") and not _TESTS.intersection(file.split("/"))]


def _named(files: Iterable[str], candidates: list[Distribution]) -> set[str]:
    """Return the names of those `candidates` that one of the modules `files` imports."""
    tops = {name.split(".")[0].encode() for name in installed.modules(candidates)}
    names = {name: "" for file in files for name in _imports(file, tops)} if tops else {}
    return set(model_imports.providers(names, candidates))


def _imports(file: str, tops: set[bytes]) -> Iterator[str]:
    """Yield the modules that `file` names, if one of `tops` is in it."""
    with open(file, "rb") as source:
        text = source.read()
    if any(top in text for top in tops):
        package = installed.module_of(file)
        package = package if file.endswith("/__init__.py") else package.rpartition(".")[0]
        words = text.decode("utf-8", "replace")
        yield from named_in(words, package)
        yield from _CALL.findall(words)
