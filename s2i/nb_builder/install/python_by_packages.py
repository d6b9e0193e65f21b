"""Chooses another Python if the notebook's packages have no wheels for the first choice."""

import re
from collections.abc import Mapping, Sequence

from nb_builder.common.log import Log
from nb_builder.install import interpreters
from nb_builder.install.installer import Installer
from nb_builder.install.interpreters import Python
from nb_builder.install.python_downloads import DownloadFailed
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.problems.packages import VersionMissing, WheelMissing
from nb_builder.requirements.collect import Wanted

# uv's message if a version exists, but not for this Python.
_FOR_ANOTHER_PYTHON = re.compile(r"does not satisfy Python|no wheels? with a matching Python")


def may_depend_on_python(problem: BuildProblem) -> bool:
    """Return whether an installation that failed with `problem` may succeed with another Python."""
    if isinstance(problem, VersionMissing):
        return bool(_FOR_ANOTHER_PYTHON.search(problem.detail))
    return isinstance(problem, WheelMissing)


def choose(
    installer: Installer,
    wanted: Wanted,
    others: Sequence[str],
    log: Log,
    environ: Mapping[str, str],
    downloads: str,
) -> Python | None:
    """Return the first Python of `others` for which the index has wheels of all packages, or None.

    Installed Pythons come first. Others are downloaded, unless `downloads` forbids it.
    """
    installed = interpreters.find(environ)
    for minor in sorted(others, key=lambda minor: minor not in installed):
        if minor not in installed and downloads == interpreters.NEVER:
            continue
        if not installer.has_wheels(wanted, minor):
            continue
        try:
            return installed.get(minor) or interpreters.provide(minor, log, environ, downloads)
        except DownloadFailed as failure:
            log.note(f"the packages have wheels for Python {minor}, which is not installed{failure}.")
            return None
    return None
