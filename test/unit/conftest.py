"""What unit tests of several packages use."""

import gc
import os
from collections.abc import Callable

import pytest


@pytest.fixture
def open_files() -> Callable[[], list[str]]:
    """Return what lists the descriptors that are open in this process.

    What earlier tests left to the garbage collector is closed first, or it would be closed between two lists.
    """

    def listed() -> list[str]:
        gc.collect()
        return os.listdir("/proc/self/fd")

    return listed
