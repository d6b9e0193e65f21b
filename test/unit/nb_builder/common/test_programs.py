"""Programs that are run for what they print."""

import sys

import pytest
from nb_builder.common import programs

WRITES = "import os, sys; os.write(1, b'caf\\xe9'); os.write(2, b'one\\ntwo\\n\\n'); sys.exit(3)"


@pytest.mark.parametrize("locale", ["C", "de_DE.ISO-8859-1"])
def test_bytes_that_are_no_text_are_no_error_in_any_locale(locale, monkeypatch):
    monkeypatch.setenv("LC_ALL", locale)
    completed = programs.run([sys.executable, "-c", WRITES])
    assert (completed.returncode, completed.stdout) == (3, "caf\N{REPLACEMENT CHARACTER}")
    assert programs.reason(completed) == "two"


def test_it_reads_what_is_given_or_nothing():
    reads = [sys.executable, "-c", "import sys; print(len(sys.stdin.read())); sys.exit(1)"]
    assert programs.run(reads, input="four").stdout == "4\n"
    assert programs.run(reads).stdout == "0\n"
    assert programs.reason(programs.run(reads)) == "exit status 1"
