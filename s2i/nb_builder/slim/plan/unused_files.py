"""At level `files`, finds files to leave out of kept distributions, the front and the standard library."""

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

# Requests determine which codecs and database modules are imported. Our own packages stay complete, and so does the
# code that verifies signatures, because a service may be configured to use it later.
_ALWAYS = ("dbm", "encodings", "nb_service", "nb_scorer", "cryptography", "cffi", "_cffi_backend")
# The data of sysconfig, which zoneinfo uses to find the time zones. The name continues with that of the platform.
_SYSTEM = "_sysconfigdata"
_CODE = (".py", ".ipynb")


def left_out(
    kept: Collection[Distribution],
    unpruned: Collection[Distribution],
    trace: tracer.Trace,
    named_modules: Iterable[str],
    app_root: Path,
    home: Path,
) -> frozenset[str]:
    """Return the files of `kept`, of the front and of the standard library that nothing used and no code names.

    These are modules that were not loaded and that no loaded module names, and folders of data in which nothing was
    opened. `unpruned` are distributions of which everything stays, `named_modules` modules that the notebook's code
    names.
    """
    in_use = tracer.with_sources(trace.files)
    standard_library = {
        os.path.dirname(os.path.dirname(file)) for file in in_use if file.endswith("/encodings/__init__.py")
    }
    site_packages, front = (installed.site_packages(venv) for venv in (app_root / paths.VENV, home / "service"))
    modules = Modules([*site_packages, *standard_library, *front, launch.HOME])
    always = [name for name in modules.files if name.split(".")[0] in _ALWAYS or name.startswith(_SYSTEM)]
    roots = [*named_modules, *always, *_unloaded(kept, in_use), *_entry_points(kept)]
    kept_files = modules.closure([*in_use, *(file for distribution in unpruned for file in distribution.files)], roots)
    kept_files = tracer.with_sources(kept_files | in_use)
    pruned = [distribution for distribution in kept if distribution not in unpruned]
    candidates = [file for distribution in pruned for file in distribution.files if installed.is_module(file)]
    candidates += [
        file for files in modules.files.values() for file in files if file.startswith((*standard_library, *front))
    ]
    # A distribution that was not loaded at all is kept for a rare branch of code, and so is its data.
    loaded = [distribution for distribution in pruned if not in_use.isdisjoint(distribution.files)]
    unread = _unread_data(loaded, kept_files, app_root) if trace.knows_data else set()
    return frozenset(tracer.with_sources(candidates) - kept_files | unread)


def _entry_points(distributions: Iterable[Distribution]) -> set[str]:
    """Return the modules that entry points of kept distributions name, for code that imports them that way."""
    return set().union(*map(installed.entry_points, distributions))


def _unloaded(kept: Iterable[Distribution], in_use: set[str]) -> set[str]:
    """Return the top-level names of kept distributions that weren't loaded: these must stay importable."""
    unloaded = [distribution for distribution in kept if in_use.isdisjoint(distribution.files)]
    return {name for name in installed.modules(unloaded) if "." not in name}


def _unread_data(distributions: Iterable[Distribution], kept_files: set[str], app_root: Path) -> set[str]:
    """Return the data that nothing opened, and that neither its distribution's code nor the repository's names."""
    repository_sources = [
        str(path) for path in sorted((app_root / paths.SRC).rglob("*")) if path.suffix in _CODE and path.is_file()
    ]
    unread = set()
    for distribution in distributions:
        sources = [file for file in distribution.files if file.endswith(".py") and file in kept_files]
        unread |= unused_data.unread(distribution, kept_files, [*sources, *repository_sources])
    return unread
