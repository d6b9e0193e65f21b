"""Recognises, from error and traceback, failures caused by package changes after a notebook was written."""

import re
import sys
from collections.abc import Callable
from datetime import datetime, timezone

from nb_scorer.common import phrases
from packaging.utils import canonicalize_name

from nb_builder.common.build_facts import Resolution
from nb_builder.common.resolve_date import AsOf
from nb_builder.execute import traceback_parser
from nb_builder.problems.build_problem import CellProblem
from nb_builder.problems.cells import CellFailed, PackageChanged
from nb_builder.requirements.import_names import providing

SHOWN = 5

_INSTALLED = "/site-packages/"
# Also modules that newer Pythons have removed: an older release of a package would need them, too.
_STDLIB = {*sys.stdlib_module_names, "distutils", "imp", "asyncore", "asynchat", "smtpd"}
_KINDS = ("ImportError", "ModuleNotFoundError", "AttributeError")
# scikit-learn's message that a model lacks a method because of how it was created, such as with refit=False.
_BY_DESIGN = re.compile(r"^AttributeError: This ")
_KEYWORD = re.compile(r"^TypeError: .*unexpected keyword argument")
# matplotlib renames its styles occasionally. A path or URL instead of a name is just a missing file.
_STYLE = re.compile(r"^OSError: ['\"]?[\w-]+['\"]? (?:is not a valid package style|not found in the style library)")
_COMPILED = re.compile(r"binary incompatibility|compiled using NumPy 1\.x")
_NAME = re.compile(r"^ImportError: cannot import name .* \(\S*" + _INSTALLED)
_MODULE = re.compile(r"No module named '(\w+)(\.[\w.]+)?'")
_ATTRIBUTE = re.compile(r"module '(\w+)[\w.]*' has no attribute")
_PACKAGE = re.compile(_INSTALLED + r"(\w+)")
_FRAME = re.compile(r"^\s*(?:File )?(?P<file>\S+?)(?::\d+, in | in \S+\()")


def explain(
    failure: CellFailed, resolved: Resolution, changed: AsOf | None, alike: Callable[[AsOf], bool]
) -> CellProblem:
    """Return PackageChanged if the packages of an earlier date may fix the cell, else `failure` itself.

    `changed` is when the notebook last changed. `alike`, called only if needed, returns whether the packages of that
    date equal today's.
    """
    error = str(failure.facts["error"])
    if resolved.lock or resolved.as_of or not in_a_package(error, failure.detail):
        return failure
    involved = packages(error, failure.detail)
    if involved and involved <= set(resolved.pinned):
        # The author pinned their versions, so another date would not change them.
        return failure
    if changed and (changed.day >= datetime.now(timezone.utc).date().isoformat() or alike(changed)):
        return failure
    return PackageChanged(
        **failure.context,
        error=error,
        unpinned=phrases.listed(resolved.unpinned, SHOWN) or "dependencies of the pinned ones",
        date=f"{changed.day} ({changed.source})" if changed else "YYYY-MM-DD",
    )


def in_a_package(error: str, traceback: str) -> bool:
    """Return whether `error` (`Name: message`) comes from an installed package of an unexpected version."""
    missing = _MODULE.search(error)
    if missing and missing[1] in _STDLIB:
        return False
    if any(pattern.search(error) for pattern in (_COMPILED, _NAME, _STYLE)):
        return True
    if missing and missing[2]:
        # A submodule is missing: the package itself is installed, or the error would name it.
        return True
    plausible = (error.startswith(_KINDS) and not _BY_DESIGN.match(error)) or bool(_KEYWORD.search(error))
    return plausible and _deepest_is_installed(traceback)


def packages(error: str, traceback: str) -> set[str]:
    """Return the normalised names of the distributions in an error and its traceback.

    A module whose distribution is unknown counts under its own name.
    """
    modules = set(_PACKAGE.findall(error + "\n" + traceback))
    modules |= {match[1] for match in (_MODULE.search(error), _ATTRIBUTE.search(error)) if match}
    return {canonicalize_name(providing(module) or module) for module in modules}


def _deepest_is_installed(traceback: str) -> bool:
    """Return whether the last frame of the traceback is in an installed package, not in a cell."""
    deepest = ""
    for line in traceback.splitlines():
        if traceback_parser.CELL_FRAME.match(line):
            deepest = ""
        elif frame := _FRAME.match(line):
            deepest = frame["file"]
    return _INSTALLED in deepest
