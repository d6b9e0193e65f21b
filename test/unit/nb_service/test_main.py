import json

import pytest
from nb_service import __main__ as door


@pytest.mark.parametrize("args", [[], ["prove"]])
def test_a_problem_becomes_text_on_stdout_and_exit_code_1(args, tmp_path, capsys):
    assert door.main(args, {"APP_ROOT": str(tmp_path)}) == 1
    assert "(problem model-missing)" in capsys.readouterr().out


def test_a_problem_is_an_object_where_the_log_is_json(tmp_path, capsys):
    assert door.main([], {"APP_ROOT": str(tmp_path), "S2I_LOG_FORMAT": "json"}) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["problem"], told["message"][:7]) == ("model-missing", "ERROR: ")
    assert door.main(["prove"], {"APP_ROOT": str(tmp_path), "S2I_LOG_FORMAT": "json"}) == 1
    assert "(problem model-missing)\n" in capsys.readouterr().out


def test_other_words_show_the_usage(capsys):
    assert door.main(["help"], {}) == 2
    assert capsys.readouterr().err == "Usage: python -m nb_service [serve | prove | selftest [--verdict FILE]]\n"
