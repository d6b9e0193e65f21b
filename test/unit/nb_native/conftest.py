"""What all tests of native programs share: they compile."""

import pytest

from engine import provide


@pytest.fixture(scope="session", autouse=True)
def _gcc():
    """Provide gcc, with the headers of libc for what only tests have."""
    provide.program("gcc", "gcc", "libc6-dev")
