"""Packages that have changed since a notebook was written, told from other failures by error and traceback."""

import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from packaging.utils import canonicalize_name

from nb_builder.common.resolve_date import AsOf
from nb_builder.execute import traceback_parser
from nb_builder.problems.base import CellProblem
from nb_builder.problems.cells import CellFailed, PackageChanged
from nb_builder.requirements.import_names import providing

SHOWN = 5

_INSTALLED = "/site-packages/"
# What the standard library of an older Python had: an older package has no less need of it.
_GONE = {*sys.stdlib_module_names, "distutils", "imp", "asyncore", "asynchat", "smtpd"}
_KINDS = ("ImportError", "ModuleNotFoundError", "AttributeError")
_KEYWORD = re.compile(r"^TypeError: .*unexpected keyword argument")
# matplotlib renames its styles from time to time; a path or an address would be a file that is missing.
_STYLE = re.compile(r"^OSError: ['\"]?[\w-]+['\"]? (?:is not a valid package style|not found in the style library)")
_COMPILED = re.compile(r"binary incompatibility|compiled using NumPy 1\.x")
_NAME = re.compile(r"^ImportError: cannot import name .* \(\S*" + _INSTALLED)
_MODULE = re.compile(r"No module named '(\w+)(\.[\w.]+)?'")
_ATTRIBUTE = re.compile(r"module '(\w+)[\w.]*' has no attribute")
_PACKAGE = re.compile(_INSTALLED + r"(\w+)")
_FRAME = re.compile(r"^\s*(?:File )?(?P<file>\S+?)(?::\d+, in | in \S+\()")


def explain(failed: CellFailed, resolved: Mapping[str, Any], changed: AsOf | None) -> CellProblem:
    """Return what to tell of a cell that failed: PackageChanged where another date's packages may mend it.

    `resolved` is what the report says of the resolution, `changed` when the notebook last changed.
    """
    error = str(failed.facts["error"])
    if "lock" in resolved or resolved["as_of"] or not in_a_package(error, failed.detail):
        return failed
    involved = packages(error, failed.detail)
    if involved and involved <= set(resolved["pinned"]):
        # Their versions are the author's own: another date would not change them.
        return failed
    return PackageChanged(
        **failed.context,
        error=error,
        unpinned=_brief(resolved["unpinned"]) or "what the pinned ones need",
        date=f"{changed.day} ({changed.source})" if changed else "YYYY-MM-DD",
    )


def in_a_package(error: str, traceback: str) -> bool:
    """Tell whether `error` (`Name: words`) comes from an installed package that is not as its user expects."""
    missing = _MODULE.search(error)
    if missing and missing[1] in _GONE:
        return False
    if any(form.search(error) for form in (_COMPILED, _NAME, _STYLE)):
        return True
    if missing and missing[2]:
        # A part of a package: its whole is there, or the whole would be what is missing.
        return True
    known = error.startswith(_KINDS) or bool(_KEYWORD.search(error))
    return known and _deepest_is_installed(traceback)


def packages(error: str, traceback: str) -> set[str]:
    """Return the normalised names of the distributions that an error and its traceback name.

    Where nobody knows which one provides a module, it is the module's own name.
    """
    modules = set(_PACKAGE.findall(error + "\n" + traceback))
    modules |= {match[1] for match in (_MODULE.search(error), _ATTRIBUTE.search(error)) if match}
    return {canonicalize_name(providing(module) or module) for module in modules}


def _deepest_is_installed(traceback: str) -> bool:
    """Tell whether the last frame of the traceback is a package's, and no cell's."""
    deepest = ""
    for line in traceback.splitlines():
        if traceback_parser.CELL_FRAME.match(line):
            deepest = ""
        elif frame := _FRAME.match(line):
            deepest = frame["file"]
    return _INSTALLED in deepest


def _brief(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more
