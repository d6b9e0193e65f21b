import json

import pytest
from nb_builder import __main__ as door
from nb_builder.commands import ab_report

HERE = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("", "a", "b"), "PROMETHEUS is not given."),
        ((HERE, "", "b"), "A is not given."),
        ((HERE, "a", ""), "B is not given."),
        ((HERE, "a", "a"), "A and B are both a."),
        (("localhost:9090", "a", "b"), "PROMETHEUS=localhost:9090 is not an address such as http://localhost:9090."),
        (("http://[::1", "a", "b"), "PROMETHEUS=http://[::1 is not an address such as http://localhost:9090."),
        ((HERE, "a", "b", "--since=1 hour"), "SINCE=1 hour is not a time such as 30m, 1h or 7d."),
        ((HERE, "a", "b", "--label=my-label"), "LABEL=my-label is not the name of a label."),
        ((HERE, "a", "b", "--prefix=0"), "PREFIX=0 is not a prefix of metric names."),
        ((HERE, "a"), "ab-report can't be called like this: the following arguments are required: B."),
    ],
)
def test_words_that_are_not_understood_are_reported(capsys, words, said):
    assert door.main(["ab-report", *words]) == 2
    out = capsys.readouterr().out
    assert f"ERROR: {said}" in out and "(problem ab-words)" in out


def test_a_problem_is_json_where_that_is_wanted(capsys):
    with pytest.raises(SystemExit) as caught:
        ab_report.main([HERE, "a", "b", "--json"])
    assert caught.value.code == 1
    said = json.loads(capsys.readouterr().out)
    assert said["problem"] == "ab-prometheus" and "Connection refused" in said["what"]


def test_help_lists_the_words(capsys):
    assert door.main(["ab-report", "--help"]) == 0
    assert "--route" in capsys.readouterr().out
