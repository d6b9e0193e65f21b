"""The samples of files as lines of JSON, for a program that asks services itself."""

import json

import pytest
from nb_service import problems
from nb_service.backends.batch.__main__ import lines, main

POINT = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}


def read(path, *words, schema=POINT):
    return [{key: value for key, value in line.items() if key != "file"} for line in lines(schema, [*words, str(path)])]


def test_each_row_is_there_with_its_sample_or_with_the_reason_why_it_has_none(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("0.2,0.7\nnonsense\n0.9,0.1\n")
    assert read(path) == [
        {"row": 1, "sample": "[0.2,0.7]"},
        {"row": 2, "reason": "It has 1 field, and the first row has 2."},
        {"row": 3, "sample": "[0.9,0.1]"},
    ]


def test_rows_are_counted_on_where_a_file_is_read_in_parts(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("".join(f"{number},1\n" for number in range(2500)))
    made = read(path)
    assert [line["row"] for line in made] == list(range(1, 2501))
    assert made[-1]["sample"] == "[2499,1]"


def test_columns_are_chosen_and_objects_made_as_batch_does(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("id,x,y\np1,1,2\n")
    assert read(path, "--sample", "x,y", "--as", "object") == [{"row": 1, "sample": '{"x": 1, "y": 2}'}]


def test_a_lone_surrogate_leaves_as_its_escape(tmp_path):
    path = tmp_path / "in.ndjson"
    path.write_bytes(b'"\\ud800"\n')
    (line,) = read(path, schema={})
    assert json.loads(line["sample"]) == "\ud800" and line["sample"].encode()


def test_several_files_are_read_one_after_the_other(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("1,2\n")
    made = list(lines(POINT, [str(tmp_path)]))
    assert [(line["file"].rpartition("/")[2], line["row"]) for line in made] == [("a.csv", 1), ("b.csv", 1)]


@pytest.mark.parametrize("words", [["--keep", "none"], ["--errors", "x"], ["--flat"], ["another.csv"]])
def test_words_about_what_is_written_are_rejected_and_not_passed_over(tmp_path, words):
    (tmp_path / "in.csv").write_text("1,2\n")
    with pytest.raises(problems.BatchWords, match="Only options for reading samples"):
        list(lines(POINT, [*words, str(tmp_path / "in.csv")]))


def test_a_problem_is_three_sentences_on_stderr_and_a_status(tmp_path, capsys):
    assert main(["{}", str(tmp_path / "nothing.csv")]) == 1
    said = capsys.readouterr()
    assert said.out == "" and "(problem batch-input)" in said.err
