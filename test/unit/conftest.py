"""What unit tests of several packages use."""

import gc
import os
from collections.abc import Callable, Iterator

import pytest


@pytest.fixture(autouse=True)
def _same_umask() -> Iterator[None]:
    """Keep what a test calls from giving all later tests of this process its umask, as a build's `main` would."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture
def open_files() -> Callable[[], list[str]]:
    """Return what lists the descriptors that are open in this process.

    What earlier tests left to the garbage collector is closed first, or it would be closed between two lists.
    """

    def listed() -> list[str]:
        gc.collect()
        return os.listdir("/proc/self/fd")

    return listed
