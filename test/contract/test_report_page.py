"""The page of a comparison in a real browser: of two services that answer, refuse, and send what is hostile."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from contract import clients

ROOT = Path(__file__).parents[2]
HOSTILE = "<script>document.title = 'owned'</script><img src='http://example.invalid/x.png' onerror='alert(1)'>"
OLD = """
    def predictor(x):
        return "high" if x["value"] > 0.5 else "low"

    examples = [{"value": 0.1, "note": "a"}, {"value": 0.9, "note": "b"}]
"""
NEW = """
    def validator(x):
        return True if x["value"] < 0.9 else x["note"]

    def predictor(x):
        return "high" if x["value"] > 0.6 else "low"

    examples = [{"value": 0.1, "note": "a"}, {"value": 0.9, "note": "b"}]
"""


@pytest.fixture(scope="module")
def seen(chromium, model_cache, tmp_path_factory):
    """Return the browser's observations of the page, pictures included."""
    folder = tmp_path_factory.mktemp("report")
    rows = [{"value": number / 50, "note": HOSTILE if number % 2 else "x" * 300} for number in range(50)]
    (folder / "samples.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    page = folder / "report.html"
    old, new = (model_cache(code) for code in (OLD, NEW))
    command = [
        ROOT / "s2i/nb-builder",
        "diff",
        old,
        new,
        folder / "samples.ndjson",
        f"--html={page}",
        "--max-different=1%",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 3, done.stdout + done.stderr
    return clients.ask("browser", "look_at_report.py", page, os.environ.get("S2I_TEST_PICTURES") or folder, chromium)


def test_nothing_is_asked_of_other_hosts_and_the_browser_has_no_complaint(seen):
    assert (seen["elsewhere"], seen["complaints"], seen["title"]) == ([], [], seen["title"].replace("owned", ""))


def test_a_hostile_sample_is_text(seen):
    assert "<script>document.title" in seen["text"]


def test_what_differs_and_which_limit_was_exceeded_is_there(seen):
    # Of fifty, 26 to 30 have another class, and the last five are refused.
    assert "10 of 50 rows differ, 20 %" in seen["text"] and "exceeded" in seen["text"]
    assert seen["classes"] == ['"high"', '"low"', '"high"', "14", "5", '"low"', "·", "26"]


def test_plots_are_drawn(seen):
    assert len(seen["plots"]) == 2 and min(seen["plots"]) > 100


def test_a_phone_shows_the_page_without_scrolling_sideways(seen):
    assert max(seen["overflow"]) <= 0


def test_no_rule_of_accessibility_is_broken(seen):
    assert seen["barriers"] == []
