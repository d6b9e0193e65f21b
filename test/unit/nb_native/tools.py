"""Programs of Debian's that these tests need: installed under CI, and elsewhere named where a test is left out."""

import os
import shutil

import pytest

from engine import provide


def found(program, *packages):
    """Return the path of a program that is in these packages of Debian's, or leave the test out and say so."""
    if not shutil.which(program) and os.environ.get("CI"):
        try:
            provide.apt(*packages)
        except provide.Missing as lack:
            pytest.skip(f"no {program}, and it can't be provided: {lack}")
    if not shutil.which(program):
        pytest.skip(f"no {program}; on Debian: apt-get install {' '.join(packages)}")
    return shutil.which(program)
