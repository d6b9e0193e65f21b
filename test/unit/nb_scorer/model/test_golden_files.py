import json
import os

import pytest
from nb_scorer.model import golden_rows

ROW = {
    "sample": {"a/b": ["data:image/png;base64,AAAA", 1], "text": "data:,x", "odd": "data:image/png;base64,AB"},
    "answer": "data:audio/wav;base64,AQID",
    "from": "call",
}


def test_files_are_next_to_the_rows_and_come_back(tmp_path):
    golden_rows.write(tmp_path, [json.dumps(ROW).encode(), b'{"sample": 1.50, "answer": 2, "from": "call"}\n'])
    assert sorted(os.listdir(tmp_path / "golden")) == ["1.png", "2.wav"]
    assert (tmp_path / "golden" / "2.wav").read_bytes() == b"\1\2\3"
    first, second = (tmp_path / "golden.ndjson").read_text().splitlines()
    assert json.loads(first)["files"] == {
        "/sample/a~1b/0": ["golden/1.png", "image/png"],
        "/answer": ["golden/2.wav", "audio/wav"],
    }
    assert second == '{"sample": 1.50, "answer": 2, "from": "call"}'
    assert golden_rows.read(tmp_path)[0] == ROW


def test_new_answers_replace_the_old_files(tmp_path):
    golden_rows.write(tmp_path, [json.dumps(ROW).encode()])
    golden_rows.keep(tmp_path, [5])
    assert os.listdir(tmp_path / "golden") == ["1.png"]
    assert golden_rows.read(tmp_path) == [{**ROW, "answer": 5}]


@pytest.mark.parametrize(
    "files",
    [
        [],
        {"/sample": "golden/1.png"},
        {"/sample": ["../1.png", "image/png"]},
        {"/sample": ["golden/../../1.png", "image/png"]},
        {"/sample/x": ["golden/1.png", "image/png"]},
        {"/other/x": ["golden/1.png", "image/png"]},
    ],
)
def test_a_row_that_names_other_files_is_none(files):
    row = {"sample": None, "answer": 1, "files": files}
    if files:
        with pytest.raises(ValueError, match="file"):
            golden_rows.with_files(row, lambda name: b"")
    else:
        assert golden_rows.with_files(row, None) == {"sample": None, "answer": 1}


def test_the_files_of_all_rows_are_named(tmp_path):
    golden_rows.write(tmp_path, [json.dumps(ROW).encode()] * 2)
    content = (tmp_path / "golden.ndjson").read_bytes() + b"[]\nnothing\n"
    assert golden_rows.file_names(content) == ["golden/1.png", "golden/2.wav", "golden/3.png", "golden/4.wav"]
