"""Checks each folder in a folder, in one process; ends with 1 and a traceback for the first that ends with one.

Run by the Python of the build; test/contract/test_hostile_check.py makes the folders.
"""

import io
import signal
import sys
import tempfile
import time
from pathlib import Path

from nb_builder.commands import check
from nb_builder.common import syntax_trees
from nb_builder.common.log import Log

# Seconds for one; machines that test are busy.
LIMIT = 20


def main(folder: Path) -> None:
    """Check all; raise what the first one raises that is no problem of a repository."""
    sys.setrecursionlimit(syntax_trees.RECURSION_LIMIT)
    slow = []
    for case in sorted(folder.iterdir()):
        signal.alarm(LIMIT)
        began = time.monotonic()
        try:
            with tempfile.TemporaryDirectory() as scratch:
                result = check.examine(case, {}, Path(scratch), Log(io.StringIO()))
                check.show(result, Log(io.StringIO()))
                check.as_object(result, [])
        except BaseException:
            print(f"{case}: seconds {time.monotonic() - began:.1f}")
            for file in sorted(case.rglob("*")):
                if file.is_file():
                    print(file.relative_to(case), ascii(file.read_bytes()[:2000]))
            raise
        slow.append((time.monotonic() - began, case.name))
    signal.alarm(0)
    print(f"{len(slow)} checked, the slowest: {max(slow)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
