"""The golden rows that a new model answers differently."""

import json

import pytest
from nb_builder.commands.dev import golden_changes


def model(folder, rows, deterministic=True):
    """Write a model folder with golden rows {sample as JSON: answer}."""
    folder.mkdir()
    lines = [
        json.dumps({"sample": json.loads(sample), "answer": answer, "from": "x"}) for sample, answer in rows.items()
    ]
    (folder / "golden.ndjson").write_text("".join(line + "\n" for line in lines))
    (folder / "manifest.json").write_text(json.dumps({"format": 2, "deterministic": deterministic}))
    return folder


def between(tmp_path, before, after, **more):
    return golden_changes.between(model(tmp_path / "before", before), model(tmp_path / "after", after, **more), 1e-6)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({"1": 2, "2": 3}, {"1": 2, "2": 3}, "2 golden rows answer as before"),
        ({"1": 2}, {"1": 2}, "1 golden row answers as before"),
        ({"1": 2, "2": 3}, {"1": 2, "2": 4}, "1 of 2 golden rows answers differently"),
        ({"1": 2, "2": 3}, {"1": 0, "2": 4}, "2 of 2 golden rows answer differently"),
        ({"1": 2, "2": 3}, {"1": 0, "3": 4}, "1 of 1 golden row answers differently (1 new, 1 gone)"),
        ({}, {"1": 0, "3": 4}, "2 golden rows, all new"),
        ({}, {}, "no golden rows to compare"),
        # The last bits of a float do not count as a difference.
        ({"1": 0.3}, {"1": 0.30000000000000004}, "1 golden row answers as before"),
    ],
)
def test_a_clause_says_how_many_rows_differ(tmp_path, before, after, words):
    assert str(between(tmp_path, before, after)) == words


def test_the_table_has_sample_answer_before_and_after(tmp_path):
    changes = between(tmp_path, {"[0.2, 0.7]": 4, "[1, 1]": "a", "3": 1}, {"[0.2, 0.7]": 3, "[1, 1]": "bcd", "3": 1})
    assert changes.table() == [
        "sample      before  after",
        "[0.2, 0.7]  4       3",
        '[1, 1]      "a"     "bcd"',
    ]


def test_long_values_are_cut_and_many_rows_are_counted(tmp_path):
    before = {str(number): "x" * 100 for number in range(13)}
    lines = between(tmp_path, before, dict.fromkeys(before, 1)).table()
    assert lines[-1] == "and 3 more"
    assert len(lines) == 12 and " …" in lines[1] and max(map(len, lines)) < 80


def test_the_answers_of_chance_are_not_compared(tmp_path):
    changes = between(tmp_path, {"1": 2}, {"1": 3}, deterministic=False)
    assert changes.table() == [] and "different predictions for the same sample" in str(changes)
