"""Programs of Debian's that tests need: installed under CI, and elsewhere named where a test is left out."""

import os
import shutil

import pytest

from engine import provide


def found(program, *packages):
    """Return the path of a program that is in these packages of Debian's, or leave the test out and say so."""
    if not _path(program) and os.environ.get("CI"):
        try:
            provide.apt(*packages)
        except provide.Missing as lack:
            pytest.skip(f"no {program}, and it can't be provided: {lack}")
    if not _path(program):
        pytest.skip(f"no {program}; on Debian: apt-get install {' '.join(packages)}")
    return _path(program)


def _path(program):
    """Return the path of a program, which may be one of root's."""
    return shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
