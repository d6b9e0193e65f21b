"""The peak of the processes that have the model, and of no others."""

import os
import subprocess
import sys

import pytest
from nb_builder.comparison.memory import Peak

# A front that has much memory, and starts what has the model; both say when they have it.
FRONT = """
import subprocess, sys
kept = bytearray(200 << 20)
child = subprocess.Popen([sys.executable, "scorer.py", "nb_scorer.worker"], stdin=subprocess.PIPE)
if sys.stdin.readline():
    child.communicate()
    print("none", flush=True)
    sys.stdin.readline()
    child = subprocess.Popen([sys.executable, "-c", "input()", "nb_scorer.worker"], stdin=subprocess.PIPE)
    print("another", flush=True)
    sys.stdin.read()
child.communicate(b"\\n")
"""
SCORER = """
import sys
peak = bytearray(60 << 20)
del peak
print("grown", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def front(tmp_path):
    """Yield a front with a scorer, which has given back 60 MB."""
    # In files: a program in a command line would have its words there, by which scorers are found.
    (tmp_path / "front.py").write_text(FRONT)
    (tmp_path / "scorer.py").write_text(SCORER)
    command = [sys.executable, "front.py"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"grown\n"
        yield process
        process.stdin.close()


def test_it_is_what_a_scorer_had_at_most_and_not_what_the_front_has(front):
    peak = Peak(front.pid)
    peak.look()
    assert 60e6 < peak.bytes < 150e6


def test_a_peak_that_was_seen_stays_when_its_scorer_is_replaced_and_between_the_two(front):
    peak = Peak(front.pid)
    peak.look()
    seen = peak.bytes
    front.stdin.write(b"\n")
    front.stdin.flush()
    assert front.stdout.readline() == b"none\n"
    peak.look()
    assert peak.bytes == seen
    front.stdin.write(b"\n")
    front.stdin.flush()
    assert front.stdout.readline() == b"another\n"
    peak.look()
    assert peak.bytes == seen


def test_a_program_without_scorers_is_itself_what_has_the_model():
    peak = Peak(os.getpid())
    peak.look()
    assert peak.bytes > 1e6


def test_what_can_t_be_seen_is_not_known():
    peak = Peak(None)
    peak.look()
    assert peak.bytes is None
