"""Level `files`: what can be left out of the distributions that stay, of the front and of the standard library."""

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from nb_scorer.common import paths
from nb_scorer.protocol import launch

from nb_builder.common import installed
from nb_builder.common.installed import Distribution
from nb_builder.slim.imports.import_scan import Modules
from nb_builder.slim.plan import unused_data
from nb_builder.slim.trace import tracer

# Codecs, and kinds of small databases, are found by their names at the moment when there is one; ours are there
# for whatever comes.
_ALWAYS = ("dbm", "encodings", "nb_service", "nb_scorer")
# What sysconfig says of this Python; zoneinfo asks it where the zones are. Its name is that of the platform.
_SYSTEM = "_sysconfigdata"
_CODE = (".py", ".ipynb")


def left_out(
    kept: Collection[Distribution],
    whole: Collection[Distribution],
    traced: tracer.Trace,
    lazily: Iterable[str],
    app_root: Path,
    home: Path,
) -> frozenset[str]:
    """Return the files of `kept`, and modules of Python and the front, that nothing used and no code names.

    That is modules which were not loaded and which no loaded one names; and folders of data, where nothing in
    them was opened. `whole` are distributions of which everything stays, `lazily` modules that the notebook's
    code names.
    """
    in_use = tracer.with_sources(traced.files)
    library = {os.path.dirname(os.path.dirname(file)) for file in in_use if file.endswith("/encodings/__init__.py")}
    site, front = (installed.site_packages(venv) for venv in (app_root / paths.VENV, home / "service"))
    modules = Modules([*site, *library, *front, launch.HOME])
    always = [name for name in modules.files if name.split(".")[0] in _ALWAYS or name.startswith(_SYSTEM)]
    named = [*lazily, *always, *_unloaded(kept, in_use), *_plugged(kept)]
    stay = modules.closure([*in_use, *(file for each in whole for file in each.files)], named)
    stay = tracer.with_sources(stay | in_use)
    fewer = [each for each in kept if each not in whole]
    free = [file for each in fewer for file in each.files if installed.is_module(file)]
    free += [file for files in modules.files.values() for file in files if file.startswith((*library, *front))]
    # One of which nothing was loaded is there for a rare branch, and so is its data.
    loaded = [each for each in fewer if not in_use.isdisjoint(each.files)]
    unread = _unread(loaded, stay, app_root) if traced.knows_data else set()
    return frozenset(tracer.with_sources(free) - stay | unread)


def _plugged(kept: Iterable[Distribution]) -> set[str]:
    """Return the modules that are found by the entry points of kept distributions, and by no import."""
    return set().union(*map(installed.entry_points, kept))


def _unloaded(kept: Iterable[Distribution], in_use: set[str]) -> set[str]:
    """Return the packages of kept distributions of which nothing was loaded: data in them must not be all of them."""
    found = [each for each in kept if in_use.isdisjoint(each.files)]
    return {name for name in installed.modules(found) if "." not in name}


def _unread(fewer: Iterable[Distribution], stay: set[str], app_root: Path) -> set[str]:
    """Return the data that nothing opened and that neither its own distribution's code names nor the repository's."""
    own = [str(path) for path in sorted((app_root / paths.SRC).rglob("*")) if path.suffix in _CODE and path.is_file()]
    found = set()
    for each in fewer:
        code = [file for file in each.files if file.endswith(".py") and file in stay]
        found |= unused_data.unread(each, stay, [*code, *own])
    return found
