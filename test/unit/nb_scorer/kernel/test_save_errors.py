"""What saving fails with reaches the builder as a file, or at least as a code."""

import json

from nb_scorer.kernel.save_errors import Complaint


def test_code_and_facts_are_written_down(tmp_path):
    Complaint("not-callable", name="predictor", kind="an int").write(str(tmp_path / "c.json"))
    assert json.loads((tmp_path / "c.json").read_text()) == {
        "code": "not-callable",
        "facts": {"name": "predictor", "kind": "an int"},
    }
    assert [path.name for path in tmp_path.iterdir()] == ["c.json"]


def test_where_nothing_can_be_written_the_code_is_all_that_is_reported(tmp_path):
    complaint = Complaint("disk-full", folder="/x")
    complaint.write(str(tmp_path / "missing" / "c.json"))
    assert str(complaint) == "disk-full"
