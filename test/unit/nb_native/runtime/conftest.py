"""Programs for the tests of the runtime, each compiled once."""

import pytest

from unit.nb_native.runtime import programs


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Return a folder for programs."""
    return tmp_path_factory.mktemp("native")


@pytest.fixture(scope="session")
def echo(folder):
    """Return the program whose model answers with the sample."""
    return programs.compiled(folder, "echo")


@pytest.fixture(scope="session")
def sanitized(folder):
    """Return the same program, compiled with sanitizers."""
    return programs.compiled(folder, "echo", sanitized=True)
