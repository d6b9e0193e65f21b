"""docs/deploy/shadow/compare.py: its report on a log, and its exit status."""

import json
import subprocess
import sys

import pytest

from commands import ROOT

PROGRAM = ROOT / "docs/deploy/shadow/compare.py"


def entry(sample, version, answer, status=200, seconds=0.002):
    """Return a line of the log."""
    return json.dumps({"id": sample, "version": version, "status": status, "seconds": seconds, "answer": answer})


def both(sample, live, shadow, **others):
    """Return the lines of a sample that both versions have answered."""
    return [entry(sample, "live", live), entry(sample, "shadow", shadow, **others)]


def compare(lines, *words):
    """Return (exit status, output)."""
    done = subprocess.run([sys.executable, PROGRAM, *words], input="\n".join(lines), capture_output=True, text=True)
    assert done.stderr == ""
    return done.returncode, done.stdout


def said(lines, *words):
    """Return its report as JSON."""
    return json.loads(compare(lines, "--json", *words)[1])


@pytest.mark.parametrize(
    ("live", "shadow"),
    [
        ("4", "4"),
        ("0.1", "0.10000000001"),
        ('{"a": 1, "b": [1, null]}', '{"b": [1.0, null], "a": 1}'),
        ("no JSON", "no JSON"),
    ],
)
def test_the_same_answers_do_not_differ(live, shadow):
    assert said(both("one", live, shadow))["different"] == 0


@pytest.mark.parametrize(
    ("live", "shadow", "largest"),
    [
        ("4", "5", 1.0),
        ("[1, 2]", "[1, 4.5]", 2.5),
        ('{"a": 1}', '{"b": 1}', 0.0),
        ("1", "true", 0.0),
        ("[1]", "[1, 1]", 0.0),
        ('"a"', "no JSON", 0.0),
    ],
)
def test_others_differ_and_the_largest_difference_is_that_of_numbers(live, shadow, largest):
    report = said(both("one", live, shadow))
    assert (report["different"], report["largest_difference"]) == (1, largest)
    assert report["examples"] == [{"id": "one", "live": live, "shadow": shadow}]


def test_another_status_is_another_answer():
    assert said(both("one", "4", "4", status=503))["different"] == 1


def test_samples_of_one_version_are_counted_and_other_lines_are_passed_over():
    lines = [
        *both("one", "4", "4"),
        entry("two", "live", "4"),
        entry("three", "shadow", "4"),
        "2026 [notice] begun",
        "{}",
    ]
    report = said(lines)
    assert [report[key] for key in ("compared", "only_live", "only_shadow")] == [1, 1, 1]


def test_the_exit_status_is_that_of_the_share():
    lines = [line for number in range(10) for line in both(f"sample-{number}", "4", "5" if number == 3 else "4")]
    assert compare(lines) == (
        1,
        (
            "10 samples were answered by both, 0 by live and 0 by shadow alone.\n"
            "1 answers differ (10.00 %).\n"
            "The largest difference of numbers is 1.\n"
            "The median took 2 ms live and 2 ms in the shadow.\n"
            "  sample-3: live 4, shadow 5\n"
        ),
    )
    assert compare(lines, "--most", "0.1")[0] == 0
    assert compare(lines, "--tolerance", "0.5")[0] == 0
    assert compare([])[0] == 2
