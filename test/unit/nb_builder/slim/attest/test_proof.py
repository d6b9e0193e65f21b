"""Verification of a slim image: the file in it, the last lines of its build, the failure."""

import io
import json

from nb_builder.common.installed import Distribution
from nb_builder.common.log import Log
from nb_builder.slim.attest import proof
from nb_builder.slim.plan.planner import DISTRIBUTIONS, OFF, Choice, Plan
from nb_builder.slim.tree import Tree

PLAN = Plan(
    DISTRIBUTIONS,
    (Choice(Distribution("numpy", "2.0", (), 1_000_000, True), "in use"),),
    (Choice(Distribution("pandas", "3.0", (), 2_000_000, True), "not used"),),
)
GOOD = {"same": True, "rows": 3, "deterministic": True, "differences": [], "answers": [{}] * 44}


def end_of_build(tmp_path, verdict):
    """Return what a build prints at its end."""
    stream = io.StringIO()
    tree = Tree(tmp_path / "root")
    tree.write("/a", "x" * 1_500_000)
    proof.show(tree, PLAN, verdict, Log(stream))
    return stream.getvalue()


def test_the_file_says_what_was_proved_and_has_one_date(tmp_path):
    tree = Tree(tmp_path)
    proof.write(tree, PLAN, GOOD, 1_000_000)
    content = json.loads(tree.at("/usr/share/nb-builder/slim.json").read_text())
    assert (content["level"], content["golden_rows"], content["requests"]) == ("distributions", 3, 44)
    assert content["kept"] == [{"name": "numpy", "version": "2.0", "reason": "in use"}]
    assert content["left_out"] == [{"name": "pandas", "version": "3.0", "reason": "not used"}]
    assert tree.at("/usr/share/nb-builder/slim.json").stat().st_mtime == 1_000_000


def test_the_last_line_has_size_level_and_golden_rows(tmp_path):
    last = end_of_build(tmp_path, GOOD).splitlines()[-1]
    assert last == (
        "---> The slim image is 1.5 MB (S2I_SLIM=distributions); 3 golden rows with the same predictions, "
        "44 requests in total"
    )


def test_without_golden_rows_it_says_so_and_how_to_mend_it(tmp_path):
    output = end_of_build(tmp_path, {**GOOD, "rows": 0})
    assert "note: there are no golden rows, so the correct predictions are unknown. Add 'examples = [...]'" in output


def test_a_predictor_that_changes_its_mind_is_not_called_the_same(tmp_path):
    assert "1 golden row answered; predictor returns a different prediction" in end_of_build(
        tmp_path, {**GOOD, "rows": 1, "deterministic": False}
    )


def test_the_rejection_shows_the_first_difference_and_has_the_rest_and_the_errors_of_the_log_as_detail():
    verdict = {
        "differences": ["golden row 1: the answer must be 4 and is 5", "another"],
        "stderr": "Traceback:\n[scorer #] FileNotFoundError: no 'sh'\n",
    }
    problem = proof.unproved(verdict, DISTRIBUTIONS)
    assert "golden row 1: the answer must be 4 and is 5" in problem.what
    assert problem.detail == "another\n[scorer #] FileNotFoundError: no 'sh'"
    assert "S2I_SLIM=off" in problem.fix
    assert "S2I_SLIM_BASE=shell" in proof.unproved(verdict, OFF).fix


def test_an_error_that_the_difference_reports_is_not_reported_twice():
    verdict = {"differences": ["it ended (LookupError: no codec)"], "stderr": "LookupError: no codec\nOSError: b\n"}
    assert proof.failures(verdict) == ["it ended (LookupError: no codec)", "OSError: b"]
