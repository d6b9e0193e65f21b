"""Drops distributions that are only imported because they are there: hides each, and asks the service."""

from pathlib import Path

from nb_builder.log import Log
from nb_builder.slim.plan import Plan


def run(plan: Plan, root: Path, app_root: Path, *, home: Path, log: Log) -> Plan:
    """Return `plan` without what proved needless, and remove that from the tree under `root`.

    The tree holds APP_ROOT at `root` / `app_root`; the service that is asked is that of `home`. Without
    golden rows, or where answers change by themselves, nothing is tried, and a note in the plan says so.
    """
    raise NotImplementedError
